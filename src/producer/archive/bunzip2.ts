/** bzip2: one stream or several, one behind the other; the sums of blocks and streams are checked. */

import { BackhaulError } from '../../faults/fault.ts';
import { WASM } from './bunzip2_module.ts';
import type { InflateMeter } from './inflate.ts';

/** What `wasm/bunzip2.ts` exports. Addresses are bytes from the start of the instance's memory. */
interface Exports {
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_ROOM: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly LANES: WebAssembly.Global;
  readonly position: { value: number };
  setUp(): void;
  begin(level: number): void;
  read(size: number, lane: number): number;
  order(lanes: number): void;
  choose(lane: number): void;
  make(): number;
}

/** How `read` ends; the numbers are those of `wasm/bunzip2.ts`. */
const NEEDS_INPUT = 0;
const IS_BLOCK = 1;
const IS_END = 2;
const CORRUPT = 3;

/** Of 64 KiB: the MEMORY of `wasm/bunzip2.ts`. */
const PAGES = 318;
/** A block of text packs to a quarter of a MB: before it is tried again there is as much more, or all there is. */
const STEP_BYTES = 1 << 18;

let compiled: WebAssembly.Module | null = null;

/** The one the last file was read by: memory that was touched is cheaper than new one. */
let spare: Decoder | null = null;

/** The decoder with its memory: blocks side by side, what is made of them, and compressed bytes ahead. */
class Decoder {
  readonly exports: Exports;
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  /** Compressed bytes that are there. */
  size = 0;

  /** A decoder for one file, to be given back. */
  static take(): Decoder {
    const decoder = spare ?? new Decoder();
    spare = null;
    decoder.size = 0;
    decoder.exports.position.value = 0;
    return decoder;
  }

  giveBack(): void {
    spare = this;
  }

  private constructor() {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const abort = (): never => {
      throw new Error('the decoder of bzip2 has aborted');
    };
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory, abort } });
    this.exports = exports as unknown as Exports;
    const { INPUT, INPUT_ROOM, OUTPUT } = this.exports;
    this.#input = new Uint8Array(memory.buffer, INPUT.value, INPUT_ROOM.value);
    this.#output = new Uint8Array(memory.buffer, OUTPUT.value);
    this.exports.setUp();
  }

  /** Bytes that are there and not used yet; of the first a part may be. */
  get left(): number {
    return this.size - (this.exports.position.value >> 3);
  }

  get isFull(): boolean {
    return this.size === this.#input.length && this.exports.position.value < 8;
  }

  /** Takes over as many of `bytes` as there is room for; returns how many. */
  fill(bytes: Uint8Array): number {
    const { position } = this.exports;
    if (this.size + bytes.length > this.#input.length) {
      this.#input.copyWithin(0, position.value >> 3, this.size);
      this.size = this.left;
      position.value &= 7;
    }
    const length = Math.min(bytes.length, this.#input.length - this.size);
    this.#input.set(bytes.subarray(0, length), this.size);
    this.size += length;
    return length;
  }

  /** The level that the head of a stream names, which is used up; 0: it is none. */
  head(): number {
    const { position } = this.exports;
    const at = position.value >> 3;
    const [b, z, h, level = 0] = this.#input.subarray(at, at + 4);
    position.value += 32;
    return b === 0x42 && z === 0x5a && h === 0x68 && level >= 0x31 && level <= 0x39 ? level - 0x30 : 0;
  }

  made(bytes: number): Uint8Array {
    return this.#output.subarray(0, bytes);
  }
}

/**
 * Unpacks; pieces are views that hold until the next is asked for.
 * @throws BackhaulError `truncated` and `corrupt`
 */
export async function* bunzip2(
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = Decoder.take();
  const { exports } = decoder;
  const source = new Source(bytes, meter, decoder);
  let blocks = 0;
  try {
    await source.ask(4);
    do {
      if (decoder.left < 4 && blocks === 0) throw truncated(decoder);
      const level = decoder.left < 4 ? 0 : decoder.head();
      if (level === 0) throw corrupt(blocks === 0 ? 'no bzip2 header' : 'something else behind its end');
      exports.begin(level);
      for (let how = NEEDS_INPUT; how !== IS_END; ) {
        let lanes = 0;
        for (; lanes < exports.LANES.value; lanes++) {
          how = exports.read(decoder.size, lanes);
          while (how === NEEDS_INPUT) {
            if (decoder.isFull) throw corrupt(`block ${blocks + lanes + 1} has no end`);
            if (!(await source.ask(decoder.left + STEP_BYTES))) throw truncated(decoder);
            how = exports.read(decoder.size, lanes);
          }
          if (how === CORRUPT) throw corrupt(`block ${blocks + lanes + 1} does not decode`);
          if (how !== IS_BLOCK) break;
        }
        exports.order(lanes);
        for (let lane = 0; lane < lanes; lane++) {
          blocks++;
          exports.choose(lane);
          for (let made = exports.make(); made !== 0; made = exports.make()) {
            if (made < 0) throw corrupt(`the checksum of block ${blocks} differs from that of its data`);
            meter.made(made);
            yield decoder.made(made);
          }
        }
      }
      await source.ask(4);
    } while (decoder.left > 0);
  } finally {
    decoder.giveBack();
    meter.end();
    await source.end();
  }
}

function truncated({ left }: Decoder): BackhaulError {
  return new BackhaulError({
    kind: 'truncated',
    message: 'the compressed data end too early',
    found: `the end of the data, ${left} bytes behind the last whole block`,
    hint: 'Download the file again.',
  });
}

function corrupt(found: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the compressed data are damaged',
    found,
    hint: 'Download the file again.',
  });
}

/** The source's pieces on their way to the decoder. */
class Source {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #meter: InflateMeter;
  readonly #decoder: Decoder;
  /** Of the last piece, what had no room: the source leaves it as it is until the next is asked for. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(bytes: AsyncIterable<Uint8Array>, meter: InflateMeter, decoder: Decoder) {
    this.#pieces = bytes[Symbol.asyncIterator]();
    this.#meter = meter;
    this.#decoder = decoder;
  }

  /** Sees that so many bytes are there, or all there is room for, or the last. False: there were no more. */
  async ask(bytes: number): Promise<boolean> {
    const before = this.#decoder.left;
    while (this.#decoder.left < bytes) {
      if (this.#rest.length > 0) {
        const taken = this.#decoder.fill(this.#rest);
        this.#rest = this.#rest.subarray(taken);
        if (taken === 0) break;
        continue;
      }
      const asked = performance.now();
      const { done, value } = await this.#pieces.next();
      this.#meter.waited(performance.now() - asked);
      if (done === true) break;
      this.#meter.read(value.length);
      this.#rest = value;
    }
    return this.#decoder.left > before;
  }

  async end(): Promise<void> {
    await this.#pieces.return?.();
  }
}
