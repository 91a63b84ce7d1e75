/** Text in any encoding as UTF-8, a piece at a time. */

import { BackhaulError } from '../faults/fault.ts';

const LF = 0x0a;
/** Bytes that tell an encoding. */
const SNIFFED = 4;

/**
 * The encoding that the first bytes of a text tell: of a byte order mark, or of UTF-16 without one, in which every other
 * byte of plain text is 0. Null where they tell none.
 */
export function sniffEncoding(bytes: Uint8Array): string | null {
  const [a = -1, b = -1, c = -1, d = -1] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'utf-32be';
  if (a > 0 && b === 0 && c > 0 && d === 0) return 'utf-16le';
  return a === 0 && b > 0 && c === 0 && d > 0 ? 'utf-16be' : null;
}

/**
 * The text of a file as UTF-8. What is UTF-8 already is passed on as it is, and not looked at. `encoding` is what the
 * layout says; the first bytes know better. A piece is the consumer's until it asks for the next one.
 * @throws BackhaulError `encoding` at a byte that is none of the encoding's
 */
export async function* utf8Text(
  pieces: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
): AsyncGenerator<Uint8Array> {
  let transcoder: Transcoder | null = null;
  let start: Uint8Array | null = new Uint8Array(0);
  for await (const piece of pieces) {
    let bytes = piece;
    if (start !== null) {
      bytes = start.length === 0 ? piece : joined(start, piece);
      if (bytes.length < SNIFFED) {
        start = new Uint8Array(bytes);
        continue;
      }
      start = null;
      transcoder = transcoderFor(bytes, encoding);
    }
    if (transcoder === null) yield bytes;
    else yield* transcoder.decode(bytes);
  }
  if (start !== null && start.length > 0) {
    transcoder = transcoderFor(start, encoding);
    if (transcoder === null) yield start;
    else yield* transcoder.decode(start);
  }
  if (transcoder !== null) yield* transcoder.end();
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Null for what is UTF-8. */
function transcoderFor(first: Uint8Array, said: string | undefined): Transcoder | null {
  const encoding = sniffEncoding(first) ?? said ?? 'utf-8';
  if (encoding === 'utf-8') return null;
  if (encoding.startsWith('utf-32')) {
    throw new BackhaulError({
      kind: 'encoding',
      message: 'The text is in an encoding that is not read.',
      where: { line: 1, byteOffset: 0 },
      expected: 'UTF-8, UTF-16 or another encoding that a layout may name',
      found: encoding,
      hint: 'Convert it: iconv -f UTF-32 -t UTF-8',
    });
  }
  return new Transcoder(encoding);
}

/** Bytes decoded in one go, an even number: a string and its UTF-8 take some times as much. */
const STEP_BYTES = 64 << 10;

class Transcoder {
  readonly #encoding: string;
  readonly #decoder: InstanceType<typeof TextDecoder>;
  readonly #encoder = new TextEncoder();
  /** UTF-8 takes three bytes a UTF-16 unit at most, of which a byte makes one at most, and two left over one more. */
  readonly #out = new Uint8Array(3 * (STEP_BYTES + 2));
  /** Bytes of a line that goes on in the next piece: a step ends with a line, so that no character is cut. */
  #held: Uint8Array = new Uint8Array(0);
  /** Bytes and line ends of the steps that are done. */
  #offset = 0;
  #lines = 0;

  constructor(encoding: string) {
    this.#encoding = encoding;
    this.#decoder = new TextDecoder(encoding, { fatal: true });
  }

  *decode(bytes: Uint8Array): Generator<Uint8Array> {
    const data = this.#held.length === 0 ? bytes : joined(this.#held, bytes);
    let at = 0;
    while (at < data.length) {
      const end = Math.min(data.length, at + STEP_BYTES);
      let cut = this.#lineEnd(data, at, end);
      if (cut < 0) {
        if (end - at < STEP_BYTES) break;
        cut = end;
      }
      yield* this.#step(data.subarray(at, cut), true);
      at = cut;
    }
    // A copy: `slice` of a Buffer is a view of what the source fills again.
    this.#held = new Uint8Array(data.subarray(at));
  }

  /** The input has ended. */
  *end(): Generator<Uint8Array> {
    yield* this.#step(this.#held, false);
  }

  *#step(step: Uint8Array, stream: boolean): Generator<Uint8Array> {
    const text = this.#decoded(step, stream);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lines++;
    this.#offset += step.length;
    const { written } = this.#encoder.encodeInto(text, this.#out);
    if (written > 0) yield this.#out.subarray(0, written);
  }

  /** The position behind the last line end of `bytes[start,end)`, or -1. No byte of a longer character is a line end's. */
  #lineEnd(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#encoding.startsWith('utf-16')) {
      const at = bytes.lastIndexOf(LF, end - 1);
      return at < start ? -1 : at + 1;
    }
    const low = this.#encoding === 'utf-16be' ? 1 : 0;
    for (let p = end - ((end - start) % 2) - 2; p >= start; p -= 2) {
      if (bytes[p + low] === LF && bytes[p + 1 - low] === 0) return p + 2;
    }
    return -1;
  }

  #decoded(step: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(step, { stream });
    } catch {
      throw this.#broken(step);
    }
  }

  /** Finds the byte by which it shows that a step is not of the encoding. */
  #broken(step: Uint8Array): BackhaulError {
    const decoder = new TextDecoder(this.#encoding, { fatal: true });
    let good = 0;
    let text = '';
    try {
      for (; good < step.length; good++)
        text += decoder.decode(step.subarray(good, good + 1), { stream: true });
    } catch {
      // There it is.
    }
    const shown = [...step.subarray(good, good + 4)].map((byte) => byte.toString(16).padStart(2, '0'));
    return new BackhaulError({
      kind: 'encoding',
      message: `The text is not ${this.#encoding} all through.`,
      where: { line: this.#lines + text.split('\n').length, byteOffset: this.#offset + good },
      expected: `a character of ${this.#encoding}`,
      found: shown.length === 0 ? 'the end, within a character' : `the bytes ${shown.join(' ')}`,
      hint: 'Is the file damaged, or in another encoding? A layout names it: encoding: windows-1252.',
    });
  }
}
