/**
 * Asks a real PostgreSQL (13 and newer) for the goldens again. Needed only when a case is added.
 *
 *   DATABASE_URL=postgres://… node tests/copy/capture_goldens.ts
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { GOLDEN_CASES, SHORT_BARS } from './golden_cases.ts';

const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
for (const { file, sql } of [...GOLDEN_CASES, SHORT_BARS]) {
  const rows = client.query(copyTo(`COPY (${sql}) TO STDOUT BINARY`));
  await pipeline(rows, createWriteStream(join(import.meta.dirname, 'goldens', file)));
}
await client.end();
