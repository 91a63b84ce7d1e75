import { BackhaulError, type Fault, type FaultKind, type FaultPlace } from './fault.ts';

/** Errors of the file system and of aborts, as faults by their code. */

const KIND_OF_ERRNO: Readonly<Record<string, FaultKind>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EMFILE: 'limit',
  ENFILE: 'limit',
  ESTALE: 'source-changed',
};

const MESSAGE_OF_KIND: Readonly<Partial<Record<FaultKind, string>>> = {
  'not-found': 'the file is not there',
  forbidden: 'the file may not be read',
  limit: 'too many files are open',
  'source-changed': 'the file has changed since it was listed',
};

/** What a failed call on a file means. A `BackhaulError` passes unchanged. */
export function fileError(error: unknown, uri: string): BackhaulError {
  if (error instanceof BackhaulError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const kind = KIND_OF_ERRNO[code ?? ''] ?? 'internal';
  return new BackhaulError(
    {
      kind,
      message: MESSAGE_OF_KIND[kind] ?? `the file could not be read: ${message}`,
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

/** Text from a file on its way into an error: control characters as `\\xNN`, at most `length` characters. */
export function printable(text: string, length = 200): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  const plain = text.slice(0, length + 1).replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  // A cut may go through a surrogate pair.
  return plain.length <= length ? plain : `${plain.slice(0, length - 1).toWellFormed()}…`;
}
