/** What listing and planning a source came to: whether it can be read, and how much it holds. */

import { bytes, count, counted } from '../base/quantities.ts';
import type { Fault } from '../faults/fault.ts';
import { type Check, checksOf } from './check.ts';
import { expectedRows, type Planned } from './disk.ts';

/** One file as a dry run plans it. */
export interface PlannedFile {
  readonly uri: string;
  readonly entry: string | null;
  readonly sizeBytes: number;
  readonly state: string;
}

/** What listing and planning a source came to. */
export interface SourceFindings {
  readonly source: string;
  readonly files: readonly PlannedFile[];
  /** Files that no load would take, of `failed` in all. */
  readonly failures: readonly {
    readonly uri: string;
    readonly entry: string | null;
    readonly fault: Fault;
  }[];
  readonly failed: number;
  /** Files that are listed and cannot be read, of one of each kind. */
  readonly refused: readonly {
    readonly uri: string;
    readonly entry: string | null;
    readonly fault: Fault;
  }[];
  /** Why it could not be listed at all. */
  readonly fault: Fault | null;
}

const DONE = new Set(['loaded', 'skipped']);
/** Faults of files that nobody could look into. */
const UNREAD: ReadonlySet<Fault['kind']> = new Set(['forbidden', 'credentials', 'network', 'timeout']);

/** What of a source is still to be loaded. */
export function plannedOf(files: readonly PlannedFile[]): Planned {
  const toDo = files.filter((file) => !DONE.has(file.state));
  return {
    files: toDo.length,
    bytes: toDo.reduce((sum, file) => sum + file.sizeBytes, 0),
    rows: toDo.reduce((sum, file) => sum + expectedRows(file.uri, file.entry, file.sizeBytes), 0),
  };
}

/** Whether a source can be listed and read, and holds something to load. */
export function checkSource({ source, files, failures, failed, refused, fault }: SourceFindings): Check[] {
  const { ok, warning, failure } = checksOf('sources');
  if (fault !== null) {
    return [failure(source, '', fault.hint ?? 'check the path, and the rights to read it', fault)];
  }
  const found: Check[] = [];
  if (files.length === 0 && failed === 0)
    found.push(
      warning(source, 'nothing in it looks like a bar file', `npx backhaul load ${source} --dry-run`),
    );
  if (files.length > 0) {
    const { files: toDo, bytes: size } = plannedOf(files);
    const done = toDo === files.length ? '' : `, ${count(files.length - toDo)} loaded before`;
    const todo = toDo === 0 ? 'nothing to load' : `${counted(toDo, 'file')} to load (${bytes(size)})`;
    if (refused.length === 0) found.push(ok(source, `can be read: ${todo}${done}`));
  }
  // Files whose names tell too little were to be looked into: of them the first will do.
  const unread = failures.filter((one) => UNREAD.has(one.fault.kind));
  for (const file of [...refused, ...unread.slice(0, 1)]) {
    const fix = file.fault.hint ?? 'ask for the right to read it: to list it is another';
    found.push(failure(source, 'can be listed, not read', fix, placed(file)));
  }
  const broken = failed - unread.length;
  if (broken > 0) {
    const fix = `npx backhaul load ${source} --dry-run`;
    const first = failures.find((one) => !unread.includes(one)) ?? failures[0]!;
    found.push(warning(source, `${counted(broken, 'file')} would fail`, fix, placed(first)));
  }
  return found;
}

function placed({ uri, entry, fault }: SourceFindings['failures'][number]): Fault {
  return { ...fault, where: { uri, ...(entry === null ? {} : { entry }), ...fault.where } };
}
