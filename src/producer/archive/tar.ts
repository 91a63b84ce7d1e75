/**
 * What a tar holds, by its headers (POSIX ustar and pax, GNU's long names): of our own, because an entry is to be found
 * again at its offset without reading what lies before, and no kept package says offsets.
 */

import { BackhaulError } from '../../faults/fault.ts';

export interface TarEntry {
  readonly name: string;
  /** Where its bytes begin in the (unpacked) tar, and how many they are. */
  readonly offset: number;
  readonly size: number;
  readonly modifiedMs: number;
}

/** Reads bytes of a tar from front to back: fewer than asked for at its end. Places never go back. */
export type TarBytes = (at: number, length: number) => Promise<Buffer>;

const BLOCK = 512;
/** Longest name, and longest pax header. */
const MOST_HEADER = 1 << 20;
const MOST_ENTRIES = 200_000;

/**
 * The regular files in a tar, in their order.
 * @throws BackhaulError `truncated`, `corrupt` and `limit`
 */
export async function listTar(read: TarBytes): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  let at = 0;
  let longName: string | null = null;
  let pax: ReadonlyMap<string, string> = new Map();
  for (;;) {
    const header = await read(at, BLOCK);
    if (header.length < BLOCK) throw truncated(at + header.length, 'two blocks of zeros');
    // Two blocks of zeros end a tar; some programs write one.
    if (header.every((byte) => byte === 0)) {
      if (entries.length === 0 && at === 0) throw corrupt('the tar holds nothing', at);
      return entries;
    }
    checkSum(header, at);
    const type = String.fromCharCode(header[156]!);
    const size = Number(pax.get('size') ?? numberAt(header, 124, 12));
    if (!Number.isSafeInteger(size) || size < 0) throw corrupt('a size in the tar is no number', at);
    const offset = at + BLOCK;
    at = offset + BLOCK * Math.ceil(size / BLOCK);
    if (type === 'L' || type === 'x' || type === 'g') {
      if (size > MOST_HEADER) throw corrupt('a header of the tar is too long', offset);
      const body = await read(offset, size);
      if (body.length < size) throw truncated(offset + body.length, `${size} bytes of a header`);
      if (type === 'L') longName = textOf(body);
      else if (type === 'x') pax = paxOf(body);
      continue;
    }
    const name = pax.get('path') ?? longName ?? nameOf(header);
    const modified = Number(pax.get('mtime') ?? numberAt(header, 136, 12));
    longName = null;
    pax = new Map();
    if (type !== '0' && type !== '\0' && type !== '7') continue;
    if (entries.length >= MOST_ENTRIES)
      throw new BackhaulError({ kind: 'limit', message: `the tar holds more than ${MOST_ENTRIES} files` });
    entries.push({ name, offset, size, modifiedMs: Math.round(1000 * modified) });
    if (size > 0 && (await read(offset + size - 1, 1)).length === 0)
      throw truncated(offset, `${size} bytes of ${name}`);
  }
}

function checkSum(header: Buffer, at: number): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  if (numberAt(header, 148, 8) !== sum)
    throw corrupt(at === 0 ? 'not a tar' : 'a header of the tar is damaged', at);
}

/** Octal digits, or (of large numbers) a first byte of 128 and the number itself. */
function numberAt(header: Buffer, start: number, length: number): number {
  if ((header[start]! & 0x80) !== 0) {
    let value = header[start]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + header[start + i]!;
    return value;
  }
  const digits = textOf(header.subarray(start, start + length)).trim();
  return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function nameOf(header: Buffer): string {
  const name = textOf(header.subarray(0, 100));
  const prefix =
    header.subarray(257, 262).toString('latin1') === 'ustar' ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' || header[262] === 0x20 ? name : `${prefix}/${name}`;
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
}

/** `<length> <key>=<value>\n`, again and again. */
function paxOf(body: Buffer): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(body.subarray(at, space).toString('latin1'));
    if (!Number.isSafeInteger(length) || length <= space - at) break;
    const [, key, value] =
      /^([^=]*)=([\s\S]*)\n$/.exec(body.subarray(space + 1, at + length).toString('utf8')) ?? [];
    if (key !== undefined) found.set(key, value!);
    at += length;
  }
  return found;
}

function truncated(at: number, expected: string): BackhaulError {
  return new BackhaulError({
    kind: 'truncated',
    message: 'the tar ends too early',
    where: { byteOffset: at },
    expected,
    hint: 'Download the file again.',
  });
}

function corrupt(message: string, at: number): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message,
    where: { byteOffset: at },
    hint: 'Download the file again.',
  });
}

/** Reads a stream as {@link listTar} wants it. */
export function tarBytesOf(bytes: AsyncIterable<Uint8Array>): TarBytes & { end(): Promise<void> } {
  const source = bytes[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  /** Where `piece` begins. */
  let from = 0;
  const read = async (at: number, length: number): Promise<Buffer> => {
    const parts: Buffer[] = [];
    let next = at;
    for (;;) {
      const start = Math.max(0, next - from);
      if (start < piece.length) {
        const part = piece.subarray(start, Math.min(piece.length, at + length - from));
        parts.push(Buffer.from(part));
        next += part.length;
      }
      if (next >= at + length) return Buffer.concat(parts);
      const { done, value } = await source.next();
      if (done === true) return Buffer.concat(parts);
      from += piece.length;
      piece = value;
    }
  };
  /** The rest is read: what packs the tar has sums at its end. */
  const end = async (): Promise<void> => {
    for (let next = await source.next(); next.done !== true; ) next = await source.next();
  };
  return Object.assign(read, { end });
}
