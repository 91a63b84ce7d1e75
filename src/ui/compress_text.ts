/** What a compression of old bars has done, as a line. */

import { bytes, count, counted } from '../base/quantities.ts';
import type { Compression } from '../state/leaves/compress.ts';

export function compressionLine(done: Compression): string {
  const { chunks, again, chunksStanding, chunksCompressed, bytesAsRows, bytesCompressed, ratio } = done;
  const anew = again > 0 ? ` (${count(again)} again)` : '';
  if (done.dryRun)
    return `Nothing was changed. ${counted(chunks, 'chunk')}${anew} of ${count(chunksStanding)} would be compressed.`;
  const now =
    bytesAsRows === null || bytesCompressed === null
      ? 'none is'
      : `${count(chunksCompressed)} are: ${bytes(bytesAsRows)} became ${bytes(bytesCompressed)}, 1/${ratio}`;
  return `Compressed ${counted(chunks, 'chunk')}${anew}; of ${count(chunksStanding)} ${now}.`;
}
