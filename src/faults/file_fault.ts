/** Errors of the file system and of aborts, as faults by their code. */

import { causeOf } from './causes.ts';
import { BackhaulError, type Fault, type FaultKind, type FaultPlace } from './fault.ts';

/** By code, then by kind. */
const MESSAGES: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no room left on the disk',
  EDQUOT: 'there is no room left on the disk',
  EFBIG: 'the file would be larger than files may be here',
  ENOMEM: 'there is no memory left',
  EISDIR: 'it is a folder, not a file',
  EIO: 'the disk, or what stands for one, cannot read the file',
  ESTALE: 'the file server has lost hold of the file',
  'not-found': 'the file is not there',
  forbidden: 'the file may not be read',
  limit: 'too many files are open',
} satisfies Partial<Record<FaultKind, string>> & Record<string, string>;

/** What a failed call on a file means. A `BackhaulError` passes unchanged. */
export function fileError(error: unknown, uri: string): BackhaulError {
  if (error instanceof BackhaulError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const kind = causeOf(code ?? '')?.kind ?? 'internal';
  return new BackhaulError(
    {
      kind,
      message: MESSAGES[code ?? ''] ?? MESSAGES[kind] ?? `the file could not be read: ${message}`,
      where: { uri },
      ...(code === undefined ? {} : { code }),
    },
    { cause: error },
  );
}

/** Why work was aborted: the signal's own fault when it carries one. */
export function abortError(signal: AbortSignal): BackhaulError {
  if (signal.reason instanceof BackhaulError) return signal.reason;
  return new BackhaulError({ kind: 'interrupted', message: 'interrupted' }, { cause: signal.reason });
}

/** The fault of any error, with the place added where it names none. */
export function faultAt(error: unknown, where: FaultPlace): Fault {
  const fault = error instanceof BackhaulError ? error.fault : fileError(error, where.uri ?? '').fault;
  return { ...fault, where: { ...where, ...fault.where } };
}
