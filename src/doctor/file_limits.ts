import { type Check, checksOf } from './check.ts';

/** Open at once beside the workers: our own files and sessions, and as many requests as go out at most. */
const BASE_FILES = 64 + 64;
/** A worker's session, source, thread and pipes. */
const FILES_PER_WORKER = 12;

/** How many files and connections may be open, against what the workers need. `limit` null: not known. */
export function checkOpenFiles(limit: number | null, workers: number): Check {
  const { ok, warning } = checksOf('machine');
  const needed = BASE_FILES + workers * FILES_PER_WORKER;
  const needs = `${workers} workers may need ${needed}`;
  if (limit === null) return ok('open files', 'no limit is known here');
  if (limit >= needed) return ok('open files', `at most ${limit}; ${needs}`);
  return warning('open files', `at most ${limit}, but ${needs}`, `ulimit -n ${Math.max(4096, needed)}`);
}

/** The limit this program runs under; null where the system tells none. */
export function openFilesLimit(): number | null {
  const report = process.report.getReport() as unknown as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = Number(report.userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : null;
}
