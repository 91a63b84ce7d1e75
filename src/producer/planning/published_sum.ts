import { createHash } from 'node:crypto';
import { BackhaulError } from '../../faults/fault.ts';
import { checksumFault } from '../archive/entry_stream.ts';
import type { ObjectReader, Source } from '../sources/source.ts';
import type { Item } from './items.ts';

/**
 * The sum of a zip that the worker is to check: of a zip of one file (`single`), which it reads as a whole anyway. A
 * local zip of many files is checked here and now, or each of its tasks would read all of it.
 * @throws BackhaulError `checksum`
 */
export async function publishedSum(
  { object, checksums, parts }: Item,
  source: Source,
  reader: ObjectReader,
  single: boolean,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const whole = await checksums.of(object.name);
  if (single && parts.length === 0) return whole;
  if (!source.uri.startsWith('file:')) return null;
  if (whole !== null) await verify(reader, whole, signal);
  for (const part of whole === null ? parts : []) {
    const sum = await checksums.of(part.name);
    if (sum === null) continue;
    const own = await source.open(part);
    try {
      await verify(own, sum, signal);
    } finally {
      await own.close();
    }
  }
  return null;
}

async function verify(
  reader: ObjectReader,
  expected: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of reader.stream(0, reader.sizeBytes, signal)) hash.update(piece);
  const found = hash.digest('hex');
  if (found !== expected) {
    throw new BackhaulError({ ...checksumFault(expected, found), where: { uri: reader.uri } });
  }
}
