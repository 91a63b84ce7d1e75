/** Whether what is to be loaded has room on the disk of the server. */

import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClientBase } from 'pg';
import { bytes, count } from '../base/quantities.ts';
import { type Check, checksOf } from './check.ts';

/** Heap and key of a bar with all indicators, measured on the million rows of `npm start`. */
const ROW_BYTES = 255;

/** Log written for a byte of rows: the rows themselves, and their keys. */
const LOG_SHARE = 1.3;

/** Bytes of a record as it stands in a file of any layout, and how much smaller compression makes it. */
const RECORD_BYTES = 60;
const COMPRESSION = 3;

/** What is to be loaded, as far as a listing tells. */
export interface Planned {
  readonly files: number;
  readonly bytes: number;
  /** About. */
  readonly rows: number;
}

/** About how many rows a file holds: its size, and whether it is compressed, is all a listing knows. */
export function expectedRows(uri: string, entry: string | null, sizeBytes: number): number {
  const compressed = entry !== null || /\.(gz|zst|zip)$/i.test(uri);
  return (sizeBytes * (compressed ? COMPRESSION : 1)) / RECORD_BYTES;
}

/** Where the database's files are, if its server is on this machine and says so; null: it cannot be known. */
export async function dataPlace(client: ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ here: boolean; data: string | null; space: string }>(
    `SELECT coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', true) AS here,
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data,
       (SELECT pg_tablespace_location(dattablespace) FROM pg_database WHERE datname = current_database()) AS space`,
  );
  const { here, data, space } = rows[0]!;
  if (!here || data === null) return null;
  const place = space === '' ? data : space;
  // Loopback may lead into a container: its folders are not ours.
  return (await stat(place).catch(() => null)) === null ? null : place;
}

/** Free room at a place; null where it cannot be read. */
export async function freeBytesAt(place: string): Promise<number | null> {
  for (let at = place; ; at = dirname(at)) {
    const found = await statfs(at).catch((error: NodeJS.ErrnoException) => error);
    if (!(found instanceof Error)) return found.bavail * found.bsize;
    if (found.code !== 'ENOENT' || at === dirname(at)) return null;
  }
}

/** Room for the planned load: rows, their keys, and the log between two checkpoints. */
export function checkDisk(
  planned: Planned | null,
  freeBytes: number | null,
  place: string | null,
  walBytes: number,
): Check {
  const { ok, warning, failure } = checksOf('database');
  const rowBytes = (planned?.rows ?? 0) * ROW_BYTES;
  // The log of a small load is small as well.
  const needed = rowBytes + Math.min(walBytes, LOG_SHARE * rowBytes);
  const needs =
    planned === null
      ? 'give the sources, and the room they need is reckoned'
      : planned.files === 0
        ? 'there is nothing to load'
        : `about ${bytes(needed)} for some ${count(roundly(planned.rows))} rows, keys and log`;
  if (freeBytes === null || place === null)
    return needed === 0
      ? ok('disk', 'the server is elsewhere or does not tell: its room cannot be known from here')
      : warning(
          'disk',
          `${needs}; the server's room cannot be known from here`,
          "df -h <data directory>   (on the server's machine)",
        );
  const has = `${bytes(freeBytes)} free at ${place}`;
  if (needed > freeBytes)
    return failure(
      'disk',
      `${has}, but ${needs}`,
      `make room for ${bytes(needed - freeBytes)} more, or narrow the load: --from, --symbols, --intervals`,
    );
  if (needed > 0.8 * freeBytes)
    return warning('disk', `${has}, ${needs}: it is tight`, 'make room, or narrow the load');
  return ok('disk', `${has}; ${needs}`);
}

/** Two digits that matter: an estimate has no more. */
function roundly(rows: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, rows))) - 1);
  return Math.round(rows / step) * step;
}
