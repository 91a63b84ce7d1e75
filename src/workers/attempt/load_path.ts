/** The paths a file can take into the table. */

/** `stream`: rows as they come; `sort`: through memory; `merge`: through a stage in the database. */
export type LoadPath = 'stream' | 'sort' | 'merge';

/** Thrown inside an attempt to start it again by another path. */
export class RestartBy extends Error {
  readonly path: LoadPath;
  constructor(path: LoadPath) {
    super(`the file has to be loaded by the path ${path}`);
    this.path = path;
  }
}
