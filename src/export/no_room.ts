/** A disk that is full, and files that may not become larger: what an export stops at, and goes on from. */

import { BackhaulError } from '../faults/fault.ts';
import { fileError } from '../faults/file_fault.ts';

const CODES: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The fault of an error that says so; null for any other. */
export function noRoom(error: unknown, uri: string): BackhaulError | null {
  const { code } = error as NodeJS.ErrnoException;
  if (!CODES.has(code)) return null;
  return new BackhaulError(
    {
      ...fileError(error, uri).fault,
      hint: 'make room and give the same command again: files that are whole are kept, nothing half written is left',
    },
    { cause: error },
  );
}
