/** The WebAssembly that decodes pages of Parquet, and LZ4 of Arrow. Its source is `wasm/pages.ts`. */

import { WASM } from './pages_module.ts';

/** What `wasm/pages.ts` exports. Places are bytes from the start of the memory. */
export interface PageExports {
  readonly SLACK: WebAssembly.Global;
  readonly RUN_BYTES: WebAssembly.Global;
  readonly SNAPPY_BYTES: WebAssembly.Global;
  begin(run: number, at: number, end: number, width: number): void;
  levels(run: number, count: number, out: number): number;
  codes(run: number, count: number, entries: number, out: number): number;
  gather8(run: number, count: number, dictionary: number, entries: number, out: number): number;
  pick(numbers: number, count: number, dictionary: number, bytes: number, out: number): void;
  join(at: number, stride: number, count: number, bytes: number, out: number): void;
  spread(out: number, count: number, set: number, levelsAt: number, bytes: number): void;
  bits(levelsAt: number, count: number, out: number): void;
  widen(at: number, count: number, width: number, isBig: number, out: number): void;
  texts(at: number, end: number, count: number, levelsAt: number, offsets: number, out: number): number;
  position(run: number): number;
  move(run: number, at: number, end: number): void;
  beginSnappy(state: number, at: number, end: number, out: number): number;
  snappy(state: number, end: number, isEnd: number, first: number, last: number): number;
  snappyIn(state: number): number;
  snappyOut(state: number): number;
  lz4(at: number, end: number, first: number, out: number, last: number): number;
  moveSnappy(state: number, at: number, out: number): void;
}

/** Of WebAssembly's memory, in bytes. */
const PAGE = 65_536;
/** Places begin at multiples of it. */
const ALIGNMENT = 16;
/** The first place. */
const FIRST = 1024;

/** Part of a kernel's memory, which may be made longer; what was in it is lost by that. */
export interface Place {
  at: number;
  bytes: number;
}

let compiled: WebAssembly.Module | null = null;
/** The kernel that the last file was read by: memory that was touched is cheaper than new one. */
let spare: PageKernel | null = null;
/** One with more memory than this is not kept. */
const MOST_SPARE_BYTES = 32 << 20;

/** The decoder of Parquet's pages with its memory, in which a file that is read has its places. */
export class PageKernel {
  readonly run: PageExports;
  readonly #memory = new WebAssembly.Memory({ initial: 16 });
  #bytes: Uint8Array<ArrayBuffer>;
  #free = FIRST;

  /** A kernel for one file, to be given back. */
  static take(): PageKernel {
    const kernel = spare ?? new PageKernel();
    spare = null;
    kernel.#free = FIRST;
    return kernel;
  }

  private constructor() {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
    const abort = (): never => {
      throw new Error('the decoder of pages has aborted');
    };
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory: this.#memory, abort } });
    this.run = exports as unknown as PageExports;
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  giveBack(): void {
    if (this.#bytes.length <= MOST_SPARE_BYTES) spare = this;
  }

  place(bytes: number): Place {
    const place = { at: 0, bytes: 0 };
    this.make(place, bytes);
    return place;
  }

  /** Sees that a place has so many bytes. */
  make(place: Place, bytes: number): void {
    if (bytes <= place.bytes && place.at > 0) return;
    // Twice as many, so that pages which grow leave less behind than they take.
    const room = place.at === 0 ? bytes : Math.max(bytes, 2 * place.bytes);
    const at = Math.ceil(this.#free / ALIGNMENT) * ALIGNMENT;
    const end = at + room + (this.run.SLACK.value as number);
    if (end > this.#bytes.length) {
      this.#memory.grow(Math.ceil((end - this.#bytes.length) / PAGE));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    place.at = at;
    place.bytes = room;
    this.#free = end;
  }

  /** All of the memory, until the next place is made. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
