/** The WebAssembly that inflates, a step at a time. Its source is `wasm/inflate.ts`. */

import { WASM } from './inflate_module.ts';

/** What `wasm/inflate.ts` exports. Addresses are bytes from the start of the instance's memory. */
interface Exports {
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_ROOM: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly position: { value: number };
  readonly written: WebAssembly.Global;
  readonly reason: WebAssembly.Global;
  setUp(): void;
  begin(): void;
  slide(): void;
  inflate(end: number, isAll: number): number;
}

/** How {@link Inflater.step} ends; the numbers are those of `wasm/inflate.ts`. */
export const NEEDS_INPUT = 0;
export const ENDED = 2;
export const TRUNCATED = 3;
export const CORRUPT = 4;

/** By what the module gives as its reason. */
const REASONS: readonly string[] = [
  '',
  'invalid block type',
  'invalid stored block lengths',
  'invalid code lengths set',
  'invalid literal, length or distance code',
  'invalid distance too far back',
];

/** Of 64 KiB: the MEMORY of `wasm/inflate.ts`. */
const PAGES = 7;

let compiled: WebAssembly.Module | null = null;

function instance(): { exports: Exports; memory: WebAssembly.Memory } {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
  const memory = new WebAssembly.Memory({ initial: PAGES });
  const abort = (): never => {
    throw new Error('the inflater has aborted');
  };
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, abort } });
  return { exports: exports as unknown as Exports, memory };
}

/**
 * Inflates deflate streams (RFC 1951) from a fixed buffer of compressed bytes into a fixed buffer of inflated ones.
 * Knows no container: bytes before and behind a stream are read by {@link byte} from the same buffer.
 */
export class Inflater {
  readonly #exports: Exports;
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  /** Compressed bytes lie in `#input[#from … #to-1]`. */
  #from = 0;
  #to = 0;
  /** Inflated bytes up to here were handed out. */
  #taken = 0;

  constructor() {
    const { exports, memory } = instance();
    this.#exports = exports;
    this.#input = new Uint8Array(memory.buffer, exports.INPUT.value, exports.INPUT_ROOM.value);
    this.#output = new Uint8Array(memory.buffer, exports.OUTPUT.value);
    exports.setUp();
  }

  /** Compressed bytes that are there and not used yet. */
  get available(): number {
    return this.#to - this.#from;
  }

  /** Forgets everything. */
  reset(): void {
    this.#from = 0;
    this.#to = 0;
  }

  /** Takes over as many of `bytes[at …]` as there is room for; returns how many. */
  fill(bytes: Uint8Array, at: number): number {
    if (this.#from > 0) {
      this.#input.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    const length = Math.min(bytes.length - at, this.#input.length - this.#to);
    this.#input.set(bytes.subarray(at, at + length), this.#to);
    this.#to += length;
    return length;
  }

  /** The compressed bytes not used yet; a view that holds until the next call. */
  rest(): Uint8Array {
    return this.#input.subarray(this.#from, this.#to);
  }

  /** The next `length` of them are used up. */
  skip(length: number): void {
    this.#from += length;
  }

  /** A deflate stream begins at the next compressed byte. */
  begin(): void {
    this.#exports.begin();
    this.#taken = 0;
  }

  /** Goes on as far as input and room reach; `isAll`: there is no more input than what is there. */
  step(isAll: boolean): number {
    const { position, written } = this.#exports;
    if (this.#taken > 0) {
      this.#exports.slide();
      this.#taken = written.value;
    }
    position.value = this.#from;
    const how = this.#exports.inflate(this.#to, isAll ? 1 : 0);
    this.#from = Math.min(position.value, this.#to);
    return how;
  }

  /** What the last step has made; a view that holds until the next. */
  made(): Uint8Array {
    const from = this.#taken;
    this.#taken = this.#exports.written.value;
    return this.#output.subarray(from, this.#taken);
  }

  /** Why a step has ended with {@link CORRUPT}. */
  get reason(): string {
    return REASONS[this.#exports.reason.value] ?? '';
  }
}
