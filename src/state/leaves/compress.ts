/**
 * Bars of a TimescaleDB hypertable in its columnstore: chunks whose last bar is older than an age are compressed by
 * series, in the order of time. Loads, merges, replacements and unloads write into them as into others; what they touch
 * lies as rows until the chunk is compressed again.
 */

import type { ClientBase, Pool } from 'pg';
import { type Db, inTransaction } from '../../database/connect.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { isHypertable } from '../schema/migrate.ts';

/** As far back as it has been tried. */
const OLDEST_TIMESCALE = [2, 22] as const;

export interface CompressOptions {
  /** Chunks are left alone that hold bars younger than this, s. */
  readonly afterS: number;
  /** Counts, and changes nothing. */
  readonly dryRun: boolean;
  /** No more chunks are begun once it is aborted. */
  readonly signal?: AbortSignal;
  readonly onChunk?: (name: string) => void;
}

export interface Compression {
  readonly type: 'compress';
  readonly dryRun: boolean;
  /** Chunks compressed now, and those among them that had been before and got rows since. */
  readonly chunks: number;
  readonly again: number;
  /** All chunks, and those that are compressed now. */
  readonly chunksStanding: number;
  readonly chunksCompressed: number;
  /** Size of all that is compressed, indexes included: as rows when it was compressed, and now. Null in a dry run. */
  readonly bytesAsRows: number | null;
  readonly bytesCompressed: number | null;
  /** How many times smaller it is; null where nothing is. */
  readonly ratio: number | null;
}

/**
 * Refuses where nothing can be compressed. Asked before a load begins, so that it is not told at its end.
 * @throws BackhaulError `database`: no TimescaleDB, one that is too old, or it was installed after the tables were made
 */
export async function checkCompressible(db: Db): Promise<void> {
  const { rows } = await db.query<{ version: string }>(
    `SELECT extversion AS version FROM pg_extension WHERE extname = 'timescaledb'`,
  );
  const version = rows[0]?.version;
  const expected = `TimescaleDB ${OLDEST_TIMESCALE.join('.')} or newer`;
  if (version === undefined)
    throw new BackhaulError({
      kind: 'database',
      message: 'Bars can be compressed only where the extension TimescaleDB is installed.',
      expected,
      found: 'none',
      hint: `CREATE EXTENSION timescaledb; in a new database, with shared_preload_libraries = 'timescaledb', before its first load; or load without --compress-after.`,
    });
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  if (major < OLDEST_TIMESCALE[0] || (major === OLDEST_TIMESCALE[0] && minor < OLDEST_TIMESCALE[1]))
    throw new BackhaulError({
      kind: 'database',
      message: 'The extension TimescaleDB is too old to compress bars.',
      expected,
      found: `TimescaleDB ${version}`,
      hint: 'Install a newer one, then ALTER EXTENSION timescaledb UPDATE; or load without --compress-after.',
    });
  if (!(await isHypertable(db)))
    throw new BackhaulError({
      kind: 'database',
      message: 'The bars of this database are no hypertable.',
      expected: 'the extension TimescaleDB in the database before its first load',
      found: 'tables that were made without it',
      hint: 'Load into a new database, after CREATE EXTENSION timescaledb; or without --compress-after.',
    });
}

/** Compresses what is old enough, a chunk a transaction; one caller at a time. Tables are up to date. */
export async function compress(db: Pool, options: CompressOptions): Promise<Compression> {
  const { dryRun, signal, onChunk } = options;
  await checkCompressible(db);
  const old = await oldChunks(db, options.afterS);
  let chunks = 0;
  let again = 0;
  if (!dryRun && old.length > 0) await enable(db);
  for (const { name, isCompressed, from, to } of old) {
    if (signal?.aborted === true) break;
    if (!dryRun) {
      await segmentFor(db, from, to);
      await compressChunk(db, name, isCompressed);
    }
    chunks++;
    if (isCompressed) again++;
    onChunk?.(name);
  }
  const { rows } = await db.query<{ standing: number; compressed: number }>(
    `SELECT count(*)::int AS standing, count(*) FILTER (WHERE is_compressed)::int AS compressed FROM ${OUR_CHUNKS}`,
  );
  const { standing, compressed } = rows[0]!;
  const sizes = dryRun || compressed === 0 ? null : await sizesOf(db);
  return {
    type: 'compress',
    dryRun,
    chunks,
    again,
    chunksStanding: standing,
    chunksCompressed: compressed,
    bytesAsRows: sizes?.before ?? null,
    bytesCompressed: sizes?.after ?? null,
    ratio: sizes === null ? null : Math.round((100 * sizes.before) / sizes.after) / 100,
  };
}

const OUR_CHUNKS = `(SELECT * FROM timescaledb_information.chunks
  WHERE hypertable_schema = 'backhaul' AND hypertable_name = 'bars') c`;

interface OldChunk {
  readonly name: string;
  readonly isCompressed: boolean;
  readonly from: Date;
  readonly to: Date;
}

/** Chunks that end before the age, oldest first, and are not compressed, or have got rows since. */
async function oldChunks(db: Db, afterS: number): Promise<OldChunk[]> {
  const { rows } = await db.query<OldChunk>(
    `SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS name, c.is_compressed AS "isCompressed",
       c.range_start AS "from", c.range_end AS "to"
     FROM ${OUR_CHUNKS}
     WHERE c.range_end <= statement_timestamp() - $1 * interval '1 second'
       AND (NOT c.is_compressed OR EXISTS (
         SELECT FROM _timescaledb_catalog.chunk k
         WHERE k.schema_name = c.chunk_schema AND k.table_name = c.chunk_name AND k.status & ${PARTIAL} <> 0))
     ORDER BY c.range_start`,
    [afterS],
  );
  return rows;
}

/** Bits of a chunk's status: batches out of order, and rows beside the compressed ones. */
const PARTIAL = 2 | 8;

/** The columnstore of `bars`, unless it is there. What was compressed otherwise before is kept as it is. */
async function enable(db: Pool): Promise<void> {
  await inTransaction(db, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('backhaul.compress'))`);
    const { rows } = await client.query<{ isOn: boolean }>(
      `SELECT compression_enabled AS "isOn" FROM timescaledb_information.hypertables
       WHERE hypertable_schema = 'backhaul' AND hypertable_name = 'bars'`,
    );
    if (rows[0]!.isOn) return;
    await client.query(BY_SERIES);
    await liftLimit(client);
  });
}

/** A series after another, each in batches of its own: one of them is found by an index. */
const BY_SERIES = `ALTER TABLE backhaul.bars SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
  timescaledb.compress_orderby = 'ts')`;
/** A series after another, batches filled across them: one of them is found by the least and the most of each batch. */
const ACROSS_SERIES = `ALTER TABLE backhaul.bars SET (timescaledb.compress, timescaledb.compress_segmentby = '',
  timescaledb.compress_orderby = 'series_id, ts')`;
/**
 * So many bars of a series have batches of their own, which hold up to 1,000. With 22 of each of 786 series a chunk, such
 * batches came to 10.7 MB where rows had been 8.8, filled ones to 5.4; with 260 both came to half of the rows.
 */
const LEAST_A_SEGMENT = 100;

/**
 * How the chunk of these times is to be compressed, unless somebody else has said so. Chunks keep what held when they
 * were compressed.
 */
async function segmentFor(db: Pool, from: Date, to: Date): Promise<void> {
  const { segmentby, orderby, bars } = await inTransaction(db, async (client) => {
    await client.query('SET LOCAL statement_timeout = 0');
    const { rows } = await client.query<{ segmentby: string | null; orderby: string | null; bars: number }>(
      `SELECT s.segmentby, s.orderby, (
         SELECT count(*)::float8 / greatest(count(DISTINCT series_id), 1) FROM backhaul.bars
         WHERE ts >= $1 AND ts < $2) AS bars
       FROM timescaledb_information.hypertable_compression_settings s WHERE s.hypertable = 'backhaul.bars'::regclass`,
      [from, to],
    );
    return rows[0]!;
  });
  const isBySeries = segmentby === 'series_id' && orderby === 'ts';
  const isAcross = (segmentby ?? '') === '' && orderby === 'series_id,ts';
  if (!isBySeries && !isAcross) return;
  const wanted = bars < LEAST_A_SEGMENT;
  if (wanted !== isAcross) await db.query(wanted ? ACROSS_SERIES : BY_SERIES);
}

const LIFT_LIMIT = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0', current_database());
END $$`;

/**
 * A file that replaces bars may touch any number of compressed ones; TimescaleDB refuses a transaction that touches more
 * than 100,000. For sessions to come, where we own the database; else its owner has to.
 */
async function liftLimit(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ isOurs: boolean }>(
    `SELECT pg_has_role(datdba, 'USAGE') AS "isOurs" FROM pg_database WHERE datname = current_database()`,
  );
  if (rows[0]!.isOurs) await client.query(LIFT_LIMIT);
}

/**
 * One that got rows since is made rows again first: compressed on top of what is there, their room is not given back, and
 * nobody knows how much they were.
 */
async function compressChunk(db: Pool, name: string, isCompressed: boolean): Promise<void> {
  await inTransaction(db, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('backhaul.compress'))`);
    await client.query('SET LOCAL statement_timeout = 0');
    if (isCompressed) await client.query('SELECT decompress_chunk($1::regclass)', [name]);
    await client.query('SELECT compress_chunk($1::regclass, if_not_compressed => true)', [name]);
  });
}

async function sizesOf(db: Db): Promise<{ readonly before: number; readonly after: number }> {
  const { rows } = await db.query<{ before: number; after: number }>(
    `SELECT coalesce(sum(before_compression_total_bytes), 0)::float8 AS before,
       coalesce(sum(after_compression_total_bytes), 0)::float8 AS after FROM chunk_compression_stats('backhaul.bars')
     WHERE compression_status = 'Compressed'`,
  );
  return rows[0]!;
}
