/** What was thrown, as a fault, and whether to try again: decided by kind and code alone, never by message text. */

import { causeOf, KIND_PASSES } from './causes.ts';
import type { Fault, FaultKind } from './fault.ts';

/** What is to become of a failed attempt. */
export interface Verdict {
  /** Another attempt may end better. */
  readonly retry: boolean;
  readonly fault: Fault;
}

function isFault(value: unknown): value is Fault {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Fault).kind === 'string' &&
    typeof (value as Fault).message === 'string'
  );
}

/** What happened, in one line without control characters. */
function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '')
    .trim()
    .slice(0, 500);
}

/** Errors of Node that say what they are by their names. */
const KIND_OF_NAME: Readonly<Record<string, FaultKind>> = {
  AbortError: 'interrupted',
  TimeoutError: 'timeout',
};

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
  const name = typeof thrown.name === 'string' ? thrown.name : '';
  const code = typeof thrown.code === 'string' ? thrown.code : String(thrown.$metadata?.httpStatusCode ?? '');
  const message =
    oneLine(typeof thrown.message === 'string' ? thrown.message : '') || code || name || 'Unknown failure.';
  const kind = KIND_OF_NAME[name] ?? causeOf(code)?.kind ?? 'internal';
  return { kind, message, ...(code === '' ? {} : { code }) };
}

/**
 * Faults whose kind says all, whatever code came with them: they are not about the thing that failed but about us. Of a
 * server that could not be reached, any code but its own (a SQLSTATE) passes: a socket that is not there yet is ENOENT.
 */
const OURS: ReadonlySet<FaultKind> = new Set([
  'interrupted',
  'lost-lease',
  'predecessor',
  'usage',
  'source-changed',
]);

function passes({ kind, code }: Fault): boolean {
  const cause = code === undefined || OURS.has(kind) ? null : causeOf(code);
  if (cause === null) return KIND_PASSES[kind] ?? false;
  if (kind === 'database-connect' && !cause.kind.startsWith('database')) return true;
  return cause.retry !== 'no';
}

/** Whether a failed attempt is worth another. */
export function classify(error: unknown): Verdict {
  const fault = faultOf(error);
  return { retry: passes(fault), fault };
}
