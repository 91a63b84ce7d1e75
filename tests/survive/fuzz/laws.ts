import type { TaskPlan } from '../../../src/state/task_plan.ts';
import { type Input, type Row, reference } from '../../scan/reference.ts';
import { BUDGET, type Ended, SETTINGS } from './pipeline.ts';

/** What must hold for any file whatever, and what a slow and plain reading of it expects. Each gives what is wrong. */

const KINDS: ReadonlySet<string> = new Set([
  'truncated',
  'corrupt',
  'checksum',
  'encrypted',
  'unsupported',
  'limit',
  'encoding',
  'not-a-bar-file',
  'timestamp',
  'too-many-rejects',
]);

// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f]/;

/** A file may be refused, but by name, in a line, and in words the database can store. */
export function wrongWithFault(ended: Ended): string[] {
  if (ended.kind === 'loaded') return [];
  const { fault } = ended;
  const wrong: string[] = [];
  if (!KINDS.has(fault.kind)) wrong.push(`the fault's kind is ${fault.kind}: ${fault.message}`);
  if (UNPRINTABLE.test(fault.message) || /\bat .+:\d+:\d+/.test(fault.message) || fault.message === '')
    wrong.push(`the message is ${JSON.stringify(fault.message)}`);
  return [...wrong, ...wrongAsJson(fault)];
}

/** PostgreSQL's jsonb takes neither NUL nor half a surrogate pair. */
function wrongAsJson(value: unknown): string[] {
  const wrong: string[] = [];
  JSON.stringify(value, (name, inner) => {
    if (typeof inner === 'string' && (inner.includes('\0') || !inner.isWellFormed()))
      wrong.push(`${name} cannot be stored: ${JSON.stringify(inner)}`);
    return inner;
  });
  return wrong;
}

/** Lines that are not blank. */
function filledLines(bytes: Buffer): number {
  const text = bytes.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  return text.split('\n').filter((line) => line !== '' && line !== '\r').length;
}

/** The sums of a loaded file, held against a count of its lines that knows nothing of CSV. */
export function wrongWithSums(ended: Ended, content: Buffer, headLines: number): string[] {
  if (ended.kind !== 'loaded') return [];
  const { read, loaded, rejected, duplicate, outside } = ended.rows;
  const wrong = wrongAsJson(ended.rejects);
  if (read !== loaded + rejected + duplicate) wrong.push(`${read} <> ${loaded} + ${rejected} + ${duplicate}`);
  if (content.includes('"')) return wrong;
  const silent = filledLines(content) - read - outside;
  if (silent < 0 || silent > headLines) wrong.push(`${silent} lines are no record, ${headLines} may be`);
  return wrong;
}

interface Expected {
  readonly fault: string | null;
  readonly read: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
}

function sortedAndFolded(rows: readonly Row[]): { rows: Row[]; duplicate: number; rejected: number } {
  const kept: Row[] = [];
  let duplicate = 0;
  let rejected = 0;
  for (const row of rows.toSorted((a, b) => a.ts - b.ts)) {
    const before = kept.at(-1);
    if (before === undefined || before.ts !== row.ts) kept.push(row);
    else {
      const same = (['open', 'high', 'low', 'close', 'volume', 'trades'] as const).every((name) =>
        Object.is(before[name], row[name]),
      );
      if (same) duplicate++;
      else {
        rejected++;
        kept[kept.length - 1] = row;
      }
    }
  }
  return { rows: kept, duplicate, rejected };
}

/** What a file of one series without a header comes to, by the plain reference. */
function expectation(content: Buffer, plan: TaskPlan): Expected {
  const input: Input = {
    bytes: content,
    shape: { ...plan.shape, header: 'none' },
    checks: {
      intervalUs: plan.intervalS * 1e6,
      grid: plan.grid,
      zone: plan.sessionZone,
      fileFromUs: plan.fileFromUs ?? Number.NEGATIVE_INFINITY,
      fileToUs: plan.fileToUs ?? Number.POSITIVE_INFINITY,
      wantFromUs: Number.NEGATIVE_INFINITY,
      wantToUs: Number.POSITIVE_INFINITY,
      earliestUs: Date.UTC(1980, 0, 1) * 1000,
      latestUs: SETTINGS.latestUs,
      onInvalid: 'reject',
      maxRecordBytes: SETTINGS.maxRecordBytes,
    },
    fixed: plan.symbol,
    wanted: null,
    order: plan.order,
  };
  let outcome = reference(input);
  let folded = { rows: outcome.rows, duplicate: 0, rejected: 0 };
  if (outcome.unordered) {
    outcome = reference({ ...input, order: 'any' });
    folded = sortedAndFolded(outcome.rows);
  }
  const { recordsRead: read, duplicates } = outcome.counters;
  const rejected = outcome.counters.rejected + folded.rejected;
  const isOverBudget =
    rejected > 0 &&
    (rejected === read ||
      rejected > BUDGET.maxRejects ||
      rejected > Math.max(10, BUDGET.maxRejectShare * read));
  return {
    fault: outcome.fault?.split(' ')[0] ?? (isOverBudget ? 'too-many-rejects' : null),
    read,
    loaded: folded.rows.length,
    rejected,
    duplicate: duplicates + folded.duplicate,
    firstTsUs: folded.rows[0]?.ts ?? null,
    lastTsUs: folded.rows.at(-1)?.ts ?? null,
  };
}

/** The reference is quadratic in the length of a line. */
const MAX_LINE = 2_000;

/** Whether the reference can tell in reasonable time what a file comes to. */
export function isReadable(content: Buffer): boolean {
  if (content.length > 40_000) return false;
  for (let at = 0; at < content.length; ) {
    const newline = content.indexOf('\n', at);
    const end = newline < 0 ? content.length : newline;
    if (end - at > MAX_LINE) return false;
    at = end + 1;
  }
  return true;
}

/** How an outcome differs from what the reference expects. */
export function wrongWithReading(ended: Ended, content: Buffer): string[] {
  if (ended.plan === null) return [];
  const expected = expectation(content, ended.plan);
  const found =
    ended.kind === 'failed'
      ? { ...expected, fault: ended.fault.kind }
      : {
          fault: null,
          read: ended.rows.read,
          loaded: ended.rows.loaded,
          rejected: ended.rows.rejected,
          duplicate: ended.rows.duplicate,
          firstTsUs: ended.firstTsUs,
          lastTsUs: ended.lastTsUs,
        };
  const [have, want] = [JSON.stringify(found), JSON.stringify(expected)];
  return have === want ? [] : [`${have}, expected ${want}`];
}
