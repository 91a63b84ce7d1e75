/** Archives in numbered parts (`history.zip.part00`, `history.zip.part01` …), read as the one object they are. */

import { createHash } from 'node:crypto';
import { BackhaulError } from '../../faults/fault.ts';
import { partNumber, partsPrefix } from '../sources/part_names.ts';
import type { ObjectReader, SourceObject } from '../sources/source.ts';

/**
 * The archive that `parts` make up: uri of its first part, sizes summed, an etag that changes with any of theirs.
 * @throws BackhaulError `not-found`, naming the first number that is missing
 */
export function wholeOf(parts: readonly SourceObject[]): {
  whole: SourceObject;
  parts: readonly SourceObject[];
} {
  const ordered = [...parts].sort((a, b) => partNumber(a.uri) - partNumber(b.uri));
  const first = ordered[0]!;
  const missing = ordered.findIndex((part, index) => partNumber(part.uri) !== index);
  if (missing >= 0) {
    const found = ordered.map((part) => partNumber(part.uri)).join(', ');
    throw new BackhaulError({
      kind: 'not-found',
      message: `part ${String(missing).padStart(2, '0')} of the archive is missing`,
      where: { uri: first.uri },
      expected: 'parts numbered from 00 without a gap',
      found: `parts ${found}`,
      hint: 'Download the missing part and load again.',
    });
  }
  const etag = createHash('sha256')
    .update(ordered.map((part) => part.etag).join('\n'))
    .digest('hex');
  const whole: SourceObject = {
    uri: first.uri,
    name: partsPrefix(first.name) ?? first.name,
    sizeBytes: ordered.reduce((sum, part) => sum + part.sizeBytes, 0),
    etag: `parts-${ordered.length}-${etag.slice(0, 32)}`,
    modifiedMs: first.modifiedMs,
  };
  return { whole, parts: ordered };
}

/** Several objects one after the other as one. Each is opened when it is first read. */
export class PartsReader implements ObjectReader {
  readonly uri: string;
  readonly sizeBytes: number;
  readonly #parts: readonly SourceObject[];
  readonly #open: (part: SourceObject) => Promise<ObjectReader>;
  readonly #readers = new Map<SourceObject, Promise<ObjectReader>>();

  constructor(parts: readonly SourceObject[], open: (part: SourceObject) => Promise<ObjectReader>) {
    this.uri = parts[0]!.uri;
    this.sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    this.#parts = parts;
    this.#open = open;
  }

  async read(start: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let filled = 0;
    for (const { part, from, to } of this.#spans(start, start + length)) {
      pieces.push(await (await this.#reader(part)).read(from, to - from, signal));
      filled += to - from;
    }
    if (filled < length) {
      throw new BackhaulError({
        kind: 'truncated',
        message: 'the archive ends before what it promises; is its last part missing?',
        where: { uri: this.uri },
        expected: `at least ${start + length} bytes`,
        found: `${this.sizeBytes} bytes in ${this.#parts.length} parts`,
      });
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  async *stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    for (const { part, from, to } of this.#spans(start, end)) {
      yield* (await this.#reader(part)).stream(from, to, signal);
    }
  }

  async close(): Promise<void> {
    const readers = await Promise.allSettled(this.#readers.values());
    await Promise.all(readers.map((reader) => (reader.status === 'fulfilled' ? reader.value.close() : null)));
  }

  #reader(part: SourceObject): Promise<ObjectReader> {
    let reader = this.#readers.get(part);
    if (reader === undefined) {
      reader = this.#open(part);
      this.#readers.set(part, reader);
      // The archive stays open for other tasks: what failed once is tried again by the next.
      reader.catch(() => this.#readers.delete(part));
    }
    return reader;
  }

  *#spans(start: number, end: number): Iterable<{ part: SourceObject; from: number; to: number }> {
    let offset = 0;
    for (const part of this.#parts) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, part.sizeBytes);
      if (from < to) yield { part, from, to };
      offset += part.sizeBytes;
    }
  }
}
