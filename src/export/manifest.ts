/**
 * What an export has written. `manifest.jsonl` grows by a line a file while it runs, the first line saying of what it is
 * an export, so that one which was interrupted goes on; at its end `manifest.json` takes its place.
 */

import { open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackhaulError } from '../faults/fault.ts';
import type { ExportGroup } from '../producer/planning/export_manifest.ts';
import type { ExtraColumn } from '../scan/shape.ts';

const GROWING = 'manifest.jsonl';
const WHOLE = 'manifest.json';
/** What a file that is being written ends in. */
export const UNFINISHED = '.unfinished';

/** What is exported, and how: an export goes on only as the same. */
export interface ExportTerms {
  readonly format: string;
  readonly by: readonly string[];
  readonly symbols: readonly string[] | null;
  readonly intervals: readonly number[] | null;
  readonly fromTs: string | null;
  readonly toTs: string | null;
  /** Those that have a column; left out where all have. */
  readonly indicators?: readonly string[];
}

/** One file that is whole. */
export interface ManifestFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly first_ts: string;
  readonly last_ts: string;
  /** The venues and intervals of its bars, with what their columns do not say. */
  readonly groups: readonly ExportGroup[];
}

/** The manifest of a folder while its export runs. */
export class Manifest {
  readonly #folder: string;
  readonly #terms: ExportTerms;
  readonly #files = new Map<string, ManifestFile>();

  private constructor(folder: string, terms: ExportTerms) {
    this.#folder = folder;
    this.#terms = terms;
  }

  /**
   * Begins an export into an empty folder, or goes on with one that was interrupted: its whole files are kept. Fault
   * `usage` for a folder that holds something else, or an export of something else.
   */
  static async begin(folder: string, terms: ExportTerms): Promise<Manifest> {
    const manifest = new Manifest(folder, terms);
    const names = (await readdir(folder)).filter((name) => name !== GROWING + UNFINISHED);
    if (names.includes(WHOLE)) throw refused(folder, 'holds an export that is whole already');
    if (names.length === 0) {
      const growing = join(folder, GROWING);
      await writeFile(growing + UNFINISHED, `${JSON.stringify(terms)}\n`, { flush: true });
      await rename(growing + UNFINISHED, growing);
      return manifest;
    }
    if (!names.includes(GROWING)) throw refused(folder, 'is not empty');
    const [first = '', ...lines] = (await readFile(join(folder, GROWING), 'utf8')).split('\n');
    if (first !== JSON.stringify(terms))
      throw refused(
        folder,
        'holds an interrupted export with other flags; with the same flags it would go on',
      );
    for (const line of lines) await manifest.#takeLine(line);
    return manifest;
  }

  /** A line that was cut off, or a file that is not as it was, is written again. */
  async #takeLine(line: string): Promise<void> {
    let file: ManifestFile;
    try {
      file = JSON.parse(line) as ManifestFile;
    } catch {
      return;
    }
    const found = await stat(join(this.#folder, file.path)).catch(() => null);
    if (found?.size === file.bytes) this.#files.set(file.path, file);
  }

  get files(): ReadonlyMap<string, ManifestFile> {
    return this.#files;
  }

  async add(file: ManifestFile): Promise<void> {
    this.#files.set(file.path, file);
    const handle = await open(join(this.#folder, GROWING), 'a');
    try {
      await handle.write(`${JSON.stringify(file)}\n`);
    } finally {
      await handle.close();
    }
  }

  /** Writes `manifest.json`; `extra` are the columns that layouts added. */
  async finish(extra: readonly ExtraColumn[]): Promise<void> {
    const files = [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    const whole = join(this.#folder, WHOLE);
    const types = Object.fromEntries(extra.map(({ name, type }) => [name, type]));
    const text = JSON.stringify({ ...this.#terms, extra: types, rows, files }, null, 2);
    await writeFile(whole + UNFINISHED, `${text}\n`, { flush: true });
    await rename(whole + UNFINISHED, whole);
    await unlink(join(this.#folder, GROWING));
  }
}

function refused(folder: string, why: string): BackhaulError {
  return new BackhaulError({
    kind: 'usage',
    message: `the folder ${folder} ${why}`,
    hint: 'name an empty or a new folder',
  });
}
