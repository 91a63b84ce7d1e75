/** The standard streams of a command: the result on stdout, everything else on stderr. */

import { type Style, styleFor } from '../../ui/style.ts';

/** Columns of stdout; a pipe has no end. A terminal that does not tell has those of COLUMNS, as for other programs. */
export function stdoutWidth(): number {
  if (!process.stdout.isTTY) return Number.POSITIVE_INFINITY;
  return process.stdout.columns || Number(process.env['COLUMNS']) || 80;
}

export function stdoutStyle(): Style {
  return styleFor(process.stdout, process.env);
}

export function stderrStyle(): Style {
  return styleFor(process.stderr, process.env);
}

let gone = false;

let onGone: () => void = () => {};

/** Whoever read stdout went away (`| head`): writing on would be in vain. */
export function stdoutGone(): boolean {
  return gone;
}

/** Calls `listener` when stdout is found closed, at once if it is. */
export function whenStdoutGoes(listener: () => void): void {
  onGone = listener;
  if (gone) listener();
}

/** What a write says where nobody reads any more: a closed pipe, a terminal that hung up. */
const NOBODY_READS = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'EIO', 'ECONNRESET']);

/** A closed pipe ends output quietly; without this, the first write into one ends the program with a stack trace. */
export function toleratePipesThatClose(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!NOBODY_READS.has(error.code ?? '')) throw error;
      if (stream !== process.stdout || gone) return;
      gone = true;
      onGone();
    });
  }
}

/** Writes lines to stdout. Many of them come as an array: a call has room for some 100,000 arguments. */
export function print(...lines: readonly (string | readonly string[])[]): void {
  const all = lines.flat();
  if (!gone && all.length > 0) process.stdout.write(`${all.join('\n')}\n`);
}

/** Writes lines to stderr. */
export function say(...lines: readonly string[]): void {
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`);
}

/** Resolves when stdout and stderr have taken, or refused, all that was written to them. */
export async function everythingIsWritten(): Promise<void> {
  const taken = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => void stream.write('', () => resolve()));
  await Promise.all([taken(process.stdout), taken(process.stderr)]);
}
