import type { Fault, FaultKind } from '../faults/fault.ts';

/**
 * The life of a task: states, events, and which failures are tried again. Pure. `tasks` has one SQL statement
 * an event; the database refuses the same illegal moves by itself.
 *
 * Who moves a task on, and what a crash leaves behind:
 *
 * | state   | moved by                                                          | after a crash of its mover       |
 * |---------|-------------------------------------------------------------------|----------------------------------|
 * | pending | a claim (running), or a skip                                      | pending                          |
 * | running | its owner: finish, fail, retry; anyone once the lease is over or the owner gone: expire | running until it expires |
 * | loaded  | a listing that finds another content, or asks for more: replace   | loaded, with its rows            |
 * | failed  | `retry`, or a listing that finds another content or plan: requeue | failed                           |
 * | skipped | nobody                                                            | skipped                          |
 */

/** All states, in the order in which they are shown. */
export const TASK_STATES = ['pending', 'running', 'loaded', 'failed', 'skipped'] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const TASK_EVENTS = [
  'claim',
  'skip',
  'finish',
  'fail',
  'retry',
  'expire',
  'replace',
  'requeue',
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** The one table of moves: event → from → to. */
export const TRANSITIONS = {
  claim: { pending: 'running' },
  skip: { pending: 'skipped' },
  finish: { running: 'loaded' },
  fail: { running: 'failed' },
  retry: { running: 'pending' },
  expire: { running: 'pending' },
  replace: { loaded: 'pending' },
  requeue: { failed: 'pending' },
} as const satisfies Readonly<Record<TaskEvent, Readonly<Partial<Record<TaskState, TaskState>>>>>;

/** The only state an event may come from, and the one it leads to. */
export type From<E extends TaskEvent> = keyof (typeof TRANSITIONS)[E] & TaskState;
export type To<E extends TaskEvent> = (typeof TRANSITIONS)[E][keyof (typeof TRANSITIONS)[E]] & TaskState;

interface Counts {
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsDuplicate: number;
  readonly rowsEmpty: number;
}

/** A task by its state: only a running one has an owner and a lease, only a loaded one its counts for certain. */
export type Task =
  | { readonly state: 'pending'; readonly attempt: number; readonly notBefore: Date }
  | {
      readonly state: 'running';
      readonly attempt: number;
      readonly owner: string;
      readonly leaseUntil: Date;
    }
  | ({ readonly state: 'loaded'; readonly attempt: number } & Counts)
  | { readonly state: 'failed'; readonly attempt: number; readonly fault: Fault }
  | { readonly state: 'skipped'; readonly attempt: number };

/** Where `event` leads from `state`, or null: not allowed. */
export function nextState(state: TaskState, event: TaskEvent): TaskState | null {
  const row: Readonly<Partial<Record<TaskState, TaskState>>> = TRANSITIONS[event];
  return row[state] ?? null;
}

/** Nothing moves a task in such a state while a load runs; the next task of its lane may commit. */
export function isFinal(state: TaskState): boolean {
  return state === 'loaded' || state === 'failed' || state === 'skipped';
}

/** What is to become of a failed attempt. */
export interface Verdict {
  /** Another attempt may end better. */
  readonly retry: boolean;
  readonly fault: Fault;
}

/**
 * Kinds whose cause may pass. `source-changed` is not among them: the plan is stale, the next listing makes a new one.
 * Nor are `lost-lease`, `predecessor` and `interrupted`: they say nothing about the file, the task is given back.
 */
const PASSING_KINDS: ReadonlySet<FaultKind> = new Set(['network', 'timeout', 'database-connect']);

/** SQLSTATE classes that pass: connection, transaction rollback (deadlock, serialization), resources. */
const PASSING_CLASSES = new Set(['08', '40', '53']);
/** Single SQLSTATEs that pass: a lock not to be had, and a server that is being stopped, restarted or is starting. */
const PASSING_STATES = new Set(['55P03', '57P01', '57P02', '57P03', '57P05', '25P03']);
const CONNECTING_STATES = new Set(['28P01', '28000', '3D000']);

/** What an errno says about a source. */
const ERRNO_KINDS: ReadonlyMap<string, FaultKind> = new Map<string, FaultKind>([
  ['ENOENT', 'not-found'],
  ['ENOTDIR', 'not-found'],
  ['EISDIR', 'not-found'],
  ['EACCES', 'forbidden'],
  ['EPERM', 'forbidden'],
  ['ECONNRESET', 'network'],
  ['ECONNREFUSED', 'network'],
  ['ECONNABORTED', 'network'],
  ['EPIPE', 'network'],
  ['ENOTFOUND', 'network'],
  ['EAI_AGAIN', 'network'],
  ['EHOSTUNREACH', 'network'],
  ['EHOSTDOWN', 'network'],
  ['ENETUNREACH', 'network'],
  ['ENETDOWN', 'network'],
  ['ENETRESET', 'network'],
  ['UND_ERR_SOCKET', 'network'],
  ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['ETIMEDOUT', 'timeout'],
  ['ESTALE', 'network'],
  ['EIO', 'corrupt'],
  ['EMFILE', 'limit'],
  ['ENFILE', 'limit'],
  ['ENOSPC', 'limit'],
  ['Z_DATA_ERROR', 'corrupt'],
  ['Z_BUF_ERROR', 'truncated'],
  ['ABORT_ERR', 'interrupted'],
]);

/** Too many open files passes when other attempts end; so does a crowded machine. */
const PASSING_ERRNOS = new Set(['EMFILE', 'ENFILE', 'ESTALE']);

/** Five digits or capitals, and a digit among them: EPIPE is none. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

function isFault(value: unknown): value is Fault {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Fault).kind === 'string' &&
    typeof (value as Fault).message === 'string'
  );
}

function passes(fault: Fault): boolean {
  if (fault.kind === 'database' || fault.kind === 'database-connect') {
    const { code } = fault;
    if (code === undefined) return fault.kind === 'database-connect';
    if (SQLSTATE.test(code)) return passesState(code);
    return fault.kind === 'database-connect' || PASSING_KINDS.has(ERRNO_KINDS.get(code) ?? 'internal');
  }
  if (fault.kind === 'limit') return PASSING_ERRNOS.has(fault.code ?? '');
  return PASSING_KINDS.has(fault.kind);
}

function passesState(code: string): boolean {
  return PASSING_CLASSES.has(code.slice(0, 2)) || PASSING_STATES.has(code);
}

function kindOfState(code: string): FaultKind {
  return CONNECTING_STATES.has(code) || code.startsWith('08') ? 'database-connect' : 'database';
}

function kindOfStatus(status: number): FaultKind {
  if (status === 404) return 'not-found';
  if (status === 401) return 'credentials';
  if (status === 403) return 'forbidden';
  if (status === 412) return 'source-changed';
  if (status === 408) return 'timeout';
  return status === 429 || status >= 500 ? 'network' : 'internal';
}

function kindOf(code: string, status: number, name: string): FaultKind {
  if (name === 'AbortError') return 'interrupted';
  if (name === 'TimeoutError') return 'timeout';
  const errno = ERRNO_KINDS.get(code);
  if (errno !== undefined) return errno;
  if (SQLSTATE.test(code)) return kindOfState(code);
  return status > 0 ? kindOfStatus(status) : 'internal';
}

/** What happened, in one line without control characters. */
function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '')
    .trim()
    .slice(0, 500);
}

/** The fault a thrown thing stands for. A fault, or an error that carries one, is passed on as it is. */
export function faultOf(error: unknown): Fault {
  if (isFault(error)) return error;
  if (typeof error !== 'object' || error === null)
    return { kind: 'internal', message: oneLine(String(error)) };
  const thrown = error as {
    readonly fault?: unknown;
    readonly code?: unknown;
    readonly name?: unknown;
    readonly message?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  if (isFault(thrown.fault)) return thrown.fault;
  const code = typeof thrown.code === 'string' ? thrown.code : '';
  const status = thrown.$metadata?.httpStatusCode ?? 0;
  const name = typeof thrown.name === 'string' ? thrown.name : '';
  const message =
    oneLine(typeof thrown.message === 'string' ? thrown.message : '') || code || name || 'Unknown failure.';
  const told = code === '' && status > 0 ? String(status) : code;
  return { kind: kindOf(code, status, name), message, ...(told === '' ? {} : { code: told }) };
}

/** Whether a failed attempt is worth another, decided by kind and code alone. */
export function classify(error: unknown): Verdict {
  const fault = faultOf(error);
  return { retry: passes(fault), fault };
}
