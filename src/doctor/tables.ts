/** The tables as they stand: whose version they are, and whether each partition has its key. */

import { counted } from '../base/quantities.ts';
import { type Check, checksOf } from './check.ts';

export interface TableFacts {
  /** Version of the schema; 0: there is none yet. */
  readonly version: number;
  /** Partitions without a key. */
  readonly bare: number;
  /** Files that are being loaded. */
  readonly running: number;
}

/** Nothing where there are no tables yet: a load makes them. `wanted`: the version this program reads and writes. */
export function checkTables({ version, bare, running }: TableFacts, wanted: number): Check[] {
  const { ok, warning, failure } = checksOf('database');
  if (version === 0) return [];
  if (version > wanted)
    return [
      failure(
        'tables',
        `made by a newer version of Backhaul (${version}, this one knows ${wanted})`,
        'upgrade Backhaul, or use another database',
      ),
    ];
  const found =
    version === wanted
      ? ok('tables', `version ${version}, as this program writes them`)
      : warning(
          'tables',
          `of an earlier version (${version} of ${wanted}): the next load brings them up to date`,
          'npx backhaul doctor --fix does it now',
        );
  if (bare === 0) return [found];
  const partitions = counted(bare, 'partition');
  const key =
    running > 0
      ? ok('keys', `${partitions} without a key yet: a load is at work`)
      : warning(
          'keys',
          `${partitions} without a key, of a load that was stopped: queries read them whole`,
          'npx backhaul doctor --fix builds them; so does the next load',
        );
  return [found, key];
}

/** What was done to the tables. */
export function mendedTables(from: number, to: number, keys: number): Check[] {
  const { ok } = checksOf('database');
  return [
    ...(from < to ? [ok('tables', `brought from version ${from} to ${to}`)] : []),
    ...(keys > 0 ? [ok('keys', `built those of ${counted(keys, 'partition')}`)] : []),
  ];
}
