/** The paths a file can take into the table. */

import type { Need } from '../../scan/stamp_reader.ts';

export interface LoadPath {
  /** How its rows get into the order of their series and of time: they are, or memory sorts them, or the database. */
  readonly order: 'stream' | 'sort' | 'stage';
  /** They go among or against rows that stand. */
  readonly merges: boolean;
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
