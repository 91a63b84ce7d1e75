/** The paths a file can take into the table. */

import type { Need } from '../../scan/stamp_reader.ts';
import { extraColumnsOf } from '../../state/schema/extra_columns.ts';
import type { Assignment } from '../link/assignment.ts';

export interface LoadPath {
  /** How its rows get into the order of their series and of time: they are, or memory sorts them, or the database. */
  readonly order: 'stream' | 'sort' | 'stage';
  /** They go among or against rows that stand. */
  readonly merges: boolean;
}

/** Columns that a layout keeps beside the bars go by the stage: COPY's own path knows those of `bars` alone. */
export function firstPath({ merge, replaces, plan }: Assignment, hasDatabase: boolean): LoadPath {
  if (hasDatabase && extraColumnsOf(plan).length > 0) return { order: 'stage', merges: true };
  return { order: plan.order === 'any' ? 'sort' : 'stream', merges: merge || replaces };
}

/** A merge takes a series after another; a file of many in the order of time has them side by side. */
export function orderOf({ order, merges }: LoadPath, { plan }: Assignment): LoadPath['order'] {
  return merges && order === 'stream' && plan.symbol === null && plan.order === 'time' ? 'sort' : order;
}

/** Thrown inside an attempt to read the whole file for what it must be known before its records can be read. */
export class SurveyFirst extends Error {
  readonly need: Need;
  constructor(need: Need) {
    super(`the file has to be surveyed for ${need}`);
    this.need = need;
  }
}

/** Thrown inside an attempt to start it again by another path. */
export class RestartBy extends Error {
  readonly path: Partial<LoadPath>;
  constructor(path: Partial<LoadPath>) {
    super(`the file has to be loaded by another path: ${JSON.stringify(path)}`);
    this.path = path;
  }
}
