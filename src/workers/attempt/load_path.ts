/** The paths a file can take into the table. */

import type { Need } from '../../scan/stamp_reader.ts';

/** `stream`: rows as they come; `sort`: through memory; `merge`: through a stage in the database. */
export type LoadPath = 'stream' | 'sort' | 'merge';

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
  readonly path: LoadPath;
  constructor(path: LoadPath) {
    super(`the file has to be loaded by the path ${path}`);
    this.path = path;
  }
}
