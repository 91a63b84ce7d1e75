/** Whether what can be listed can be read: by reading, for rights to the one are none to the other. */

import { extname } from 'node:path';
import { faultOf } from '../faults/classify.ts';
import type { Fault } from '../faults/fault.ts';
import { listZip } from '../producer/archive/zip.ts';
import { openObject } from '../producer/open_source.ts';
import type { SourceOptions } from '../producer/sources/source.ts';
import type { PlannedFile } from './sources.ts';

/** Looking takes no longer than this, ms. */
const PATIENCE_MS = 30_000;

/**
 * Reads a byte of the first file of each kind: of each extension, and of a zip the directory and where the entry starts.
 * Resolves to what was refused.
 */
export async function readFirstBytes(
  files: readonly PlannedFile[],
  options: SourceOptions,
): Promise<{ readonly uri: string; readonly entry: string | null; readonly fault: Fault }[]> {
  const firsts = new Map<string, PlannedFile>();
  for (const file of files) {
    const kind = file.entry === null ? extname(file.uri.replace(/[?#].*$/, '')).toLowerCase() : 'zip';
    if (!firsts.has(kind)) firsts.set(kind, file);
  }
  const refused = [];
  for (const { uri, entry } of firsts.values()) {
    try {
      await readByte(uri, entry, options, AbortSignal.timeout(PATIENCE_MS));
    } catch (error) {
      refused.push({ uri, entry, fault: faultOf(error) });
    }
  }
  return refused;
}

async function readByte(
  uri: string,
  entry: string | null,
  options: SourceOptions,
  signal: AbortSignal,
): Promise<void> {
  const reader = await openObject(uri, null, null, options);
  try {
    const listed = entry === null ? null : (await listZip(reader, signal)).find(({ name }) => name === entry);
    if (reader.sizeBytes > 0) await reader.read(listed?.headerOffset ?? 0, 1, signal);
  } finally {
    await reader.close();
  }
}
