/** Extensions below the tables: what they are used for, and whether they are of a version, and in a state, that will do. */

import type { ClientBase } from 'pg';
import { faultOf } from '../faults/classify.ts';
import { checkCompressible } from '../state/leaves/compress.ts';
import { distributionOf } from '../state/leaves/distribute.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { type Check, checksOf } from './check.ts';

/** Nothing where neither is installed. Of tables that are not there yet only the versions are looked at. */
export async function checkExtensions(db: ClientBase): Promise<Check[]> {
  const { ok, warning, failure } = checksOf('database');
  const told = async (name: string, wrong: typeof failure, look: () => Promise<string>): Promise<Check> => {
    try {
      return ok(name, await look());
    } catch (error) {
      const fault = faultOf(error);
      return wrong(name, '', fault.hint ?? '', fault);
    }
  };
  const { rows } = await db.query<{ name: string; version: string; there: boolean }>(
    `SELECT extname AS name, extversion AS version, to_regclass('backhaul.bars') IS NOT NULL AS there
     FROM pg_extension WHERE extname IN ('citus', 'timescaledb') ORDER BY extname`,
  );
  const found: Check[] = [];
  for (const { name, version, there } of rows) {
    const check =
      name === 'citus'
        ? told('Citus', failure, async () => {
            const { citus, shards, takesSessions } = await distributionOf(db);
            if (shards === null) return `${citus}; bars are not distributed`;
            const way = takesSessions ? '' : '; loads go through the coordinator: npx backhaul db distribute';
            return `${citus}; bars lie in ${shards} shards${way}`;
          })
        : told('TimescaleDB', warning, async () => {
            if (!there) return `${version}; bars will be a hypertable`;
            if (!(await isHypertable(db)))
              return `${version}; not used: the tables were made before it was there`;
            await checkCompressible(db);
            return `${version}; bars are a hypertable`;
          });
    found.push(await check);
  }
  return found;
}
