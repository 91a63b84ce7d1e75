/** Extensions below the tables: what they are used for, and whether they are of a version, and in a state, that will do. */

import type { ClientBase } from 'pg';
import { faultOf } from '../faults/classify.ts';
import { checkCompressible } from '../state/compress.ts';
import { distributionOf } from '../state/distribute.ts';
import { isHypertable } from '../state/migrate.ts';
import { type Check, checksOf } from './check.ts';

/** Nothing where neither is installed. Of tables that are not there yet only the versions are looked at. */
export async function checkExtensions(db: ClientBase): Promise<Check[]> {
  const { ok, warning, failure } = checksOf('database');
  const { rows } = await db.query<{ name: string; version: string; there: boolean }>(
    `SELECT extname AS name, extversion AS version, to_regclass('backhaul.bars') IS NOT NULL AS there
     FROM pg_extension WHERE extname IN ('citus', 'timescaledb') ORDER BY extname`,
  );
  const found: Check[] = [];
  for (const { name, version, there } of rows) {
    if (name === 'citus') {
      try {
        const { citus, shards } = await distributionOf(db);
        const lie = shards === null ? 'bars are not distributed' : `bars lie in ${shards} shards`;
        found.push(ok('Citus', `${citus}; ${lie}`));
      } catch (error) {
        const fault = faultOf(error);
        found.push(failure('Citus', '', fault.hint ?? '', fault));
      }
    } else if (there && !(await isHypertable(db)))
      found.push(ok('TimescaleDB', `${version}; not used: the tables were made before it was there`));
    else
      try {
        if (there) await checkCompressible(db);
        found.push(ok('TimescaleDB', `${version}; bars ${there ? 'are' : 'will be'} a hypertable`));
      } catch (error) {
        const fault = faultOf(error);
        found.push(warning('TimescaleDB', '', fault.hint ?? '', fault));
      }
  }
  return found;
}
