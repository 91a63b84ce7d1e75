/** The pages of one column of a Parquet file, a row group after another, as columns of some thousand rows. */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { ColumnMetaData, PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import type { TableColumn, TextColumn } from '../../../scan/table/table_columns.ts';
import type { PageColumn } from './page_columns.ts';
import type { PageKernel, Place } from './page_kernel.ts';
import {
  type ChunkBytes,
  type PageLimits,
  type PagePieces,
  pagePieces,
  SNAPPY_BACK_BYTES,
} from './page_pieces.ts';
import { parquetDamage } from './parquet_faults.ts';

/** Rows of a batch: its columns stay in a core's cache until they are bars. */
export const PAGE_BATCH_ROWS = 16_384;
/** Bytes in which a page's head lies, as a rule. */
const HEAD_BYTES = 4096;
/** A head with the longest statistics. */
const MOST_HEAD_BYTES = 1 << 20;
/** Most a number of a dictionary takes, with the head of its run. */
const MOST_NUMBER_BYTES = 9;
/** A page that is unpacked whole, as dictionaries are, of more than this is not believed. */
const MOST_WHOLE_BYTES = 1 << 28;
const MOST_PAGE_BYTES = 2 ** 31 - 1;

export class PageReader {
  readonly #kernel: PageKernel;
  readonly #column: PageColumn;
  readonly #limits: PageLimits;
  /** Bytes of a value as it is handed on. */
  readonly #width: 4 | 8 | 16;
  readonly #values: Place;
  readonly #levels: Place;
  readonly #levelRun: Place;
  readonly #valueRun: Place;
  readonly #valid: Place;
  readonly #codes: Place;
  readonly #packed: Place;
  readonly #page: Place;
  /** Of a long page: its levels, and pieces of the packed. */
  readonly #longLevels: Place;
  readonly #longPacked: Place;
  readonly #snappy: Place;
  readonly #dictionary: Place;
  /** Where the dictionary's texts lie in their bytes. */
  readonly #offsets: Place;
  #entries = -1;
  #bytes: ChunkBytes = () => new Uint8Array(0);
  #size = 0;
  #codec: ColumnMetaData['codec'] = 'UNCOMPRESSED';
  #at = 0;
  /** Rows that are left of the page, and of the chunk. */
  #left = 0;
  #rows = 0;
  /** Where the page's values go on, if they are plain, and end. */
  #from = 0;
  #end = 0;
  #isPlain = true;
  /** How far apart the bytes of a value lie, if they do: so many values the page has. */
  #stride = 0;
  #hasLevels = false;
  /** What is still to come of a long page: so many bytes. */
  #pieces: PagePieces | null = null;
  #coming = 0;

  constructor(kernel: PageKernel, column: PageColumn, limits: PageLimits) {
    this.#kernel = kernel;
    this.#column = column;
    this.#limits = limits;
    const { values } = column;
    this.#width = values.kind === 'decimal' ? 16 : values.kind === 'text' ? 4 : values.bytes;
    const runBytes = kernel.run.RUN_BYTES.value as number;
    this.#values = kernel.place((PAGE_BATCH_ROWS + 1) * this.#width);
    this.#codes = kernel.place((PAGE_BATCH_ROWS + 1) * 4);
    this.#levels = kernel.place(PAGE_BATCH_ROWS);
    this.#levelRun = kernel.place(runBytes);
    this.#valueRun = kernel.place(runBytes);
    this.#valid = kernel.place(PAGE_BATCH_ROWS / 8);
    this.#packed = kernel.place(HEAD_BYTES);
    this.#page = kernel.place(HEAD_BYTES);
    this.#longLevels = kernel.place(16);
    this.#longPacked = kernel.place(16);
    this.#snappy = kernel.place(kernel.run.SNAPPY_BYTES.value as number);
    this.#dictionary = kernel.place(HEAD_BYTES);
    this.#offsets = kernel.place(HEAD_BYTES);
  }

  /** The chunk of the next row group. */
  begin(bytes: ChunkBytes, size: number, meta: ColumnMetaData): void {
    this.#bytes = bytes;
    this.#size = size;
    this.#codec = meta.codec;
    this.#rows = Number(meta.num_values);
    this.#at = 0;
    this.#left = 0;
    this.#entries = -1;
    this.end();
  }

  /** No more rows are asked for. */
  end(): void {
    this.#pieces?.end();
    this.#pieces = null;
  }

  /** How many of `want` rows can be read at once. Texts are those of one page, or words of one dictionary. */
  async ready(want: number): Promise<number> {
    if (this.#column.values.kind !== 'text') return want;
    await this.#turn();
    return Math.min(want, this.#left);
  }

  /** The next rows, at most {@link PAGE_BATCH_ROWS}: in the kernel's memory, until the next are read or a place is made. */
  async read(rows: number): Promise<() => TableColumn> {
    let hasNulls = false;
    let isPlain = true;
    for (let done = 0; done < rows; ) {
      await this.#turn();
      const some = Math.min(rows - done, this.#left);
      const { run, bytes } = this.#kernel;
      const levels = this.#levels.at + done;
      let set = some;
      if (this.#hasLevels) set = run.levels(this.#levelRun.at, some, levels);
      else bytes.fill(1, levels, levels + some);
      if (set < 0) throw parquetDamage('levels that do not decode');
      hasNulls ||= set < some;
      isPlain = this.#isPlain;
      if (this.#column.values.kind === 'text') await this.#readTexts(some, set);
      else {
        await this.#ensure(set * (this.#isPlain ? this.#column.values.bytes : MOST_NUMBER_BYTES));
        const out = this.#values.at + done * this.#width;
        if (this.#isPlain) this.#readPlain(set, out);
        else this.#readWords(set, out);
        if (set < some) run.spread(out, some, set, levels, this.#width);
      }
      this.#left -= some;
      this.#rows -= some;
      done += some;
    }
    if (hasNulls) this.#kernel.run.bits(this.#levels.at, rows, this.#valid.at);
    return () => this.#view(rows, hasNulls, isPlain);
  }

  #readPlain(count: number, out: number): void {
    const { values } = this.#column;
    if (values.kind === 'text') return;
    if (this.#stride > 0) {
      this.#readSplit(count, values.bytes, out);
      return;
    }
    const bytes = count * values.bytes;
    if (this.#from + bytes > this.#end) throw parquetDamage('a page with fewer values than it says');
    if (values.kind === 'decimal')
      this.#kernel.run.widen(this.#from, count, values.bytes, values.isBig ? 1 : 0, out);
    else this.#kernel.bytes.copyWithin(out, this.#from, this.#from + bytes);
    this.#from += bytes;
  }

  /** Values whose bytes lie apart: from `#from` on their first ones, up to those of the page's end. */
  #readSplit(count: number, bytes: number, out: number): void {
    const last = this.#from + count + (bytes - 1) * this.#stride;
    if (last > this.#end) throw parquetDamage('a page with fewer values than it says');
    this.#kernel.run.join(this.#from, this.#stride, count, bytes, out);
    this.#from += count;
  }

  #readWords(count: number, out: number): void {
    const { run } = this.#kernel;
    const { at } = this.#valueRun;
    const isRead =
      this.#width === 8
        ? run.gather8(at, count, this.#dictionary.at, this.#entries, out)
        : run.codes(at, count, this.#entries, this.#codes.at);
    if (isRead === 0) throw parquetDamage('numbers of words that are none of the dictionary');
    if (this.#width !== 8) run.pick(this.#codes.at, count, this.#dictionary.at, this.#width, out);
  }

  async #readTexts(count: number, set: number): Promise<void> {
    const { run } = this.#kernel;
    if (this.#isPlain) {
      const levels = set < count ? this.#levels.at : 0;
      for (let bytes = 8 * count; ; bytes *= 2) {
        // How long they are is known once they are there.
        await this.#ensure(bytes);
        this.#kernel.make(this.#packed, this.#end - this.#from);
        const end = run.texts(this.#from, this.#end, count, levels, this.#values.at, this.#packed.at);
        if (end !== 0) {
          this.#from = end;
          return;
        }
        if (this.#pieces === null) throw parquetDamage('a text that is longer than its page');
      }
    }
    await this.#ensure(set * MOST_NUMBER_BYTES);
    if (run.codes(this.#valueRun.at, set, this.#entries, this.#codes.at) === 0)
      throw parquetDamage('numbers of words that are none of the dictionary');
    if (set < count) run.spread(this.#codes.at, count, set, this.#levels.at, 4);
  }

  #view(rows: number, hasNulls: boolean, isPlain: boolean): TableColumn {
    const { bytes } = this.#kernel;
    const { buffer } = bytes;
    const { values } = this.#column;
    const { at } = this.#values;
    const nullable = {
      valid: hasNulls ? bytes.subarray(this.#valid.at, this.#valid.at + (rows + 7) / 8) : null,
      validFrom: 0,
    };
    switch (values.kind) {
      case 'number':
        if (values.bytes === 8)
          return { kind: 'number', ...nullable, values: new Float64Array(buffer, at, rows) };
        return {
          kind: 'number',
          ...nullable,
          values:
            values.of === 'float'
              ? new Float32Array(buffer, at, rows)
              : values.of === 'int'
                ? new Int32Array(buffer, at, rows)
                : new Uint32Array(buffer, at, rows),
        };
      case 'int64':
        return {
          kind: 'int64',
          ...nullable,
          words: new Int32Array(buffer, at, 2 * rows),
          isSigned: values.isSigned,
        };
      case 'stamp': {
        const words = new Int32Array(buffer, at, (values.bytes / 4) * rows);
        return { kind: 'stamp', ...nullable, words, unit: values.unit, zoned: values.zoned };
      }
      case 'decimal':
        return {
          kind: 'decimal',
          ...nullable,
          words: new Int32Array(buffer, at, 4 * rows),
          scale: values.scale,
        };
      case 'text': {
        if (isPlain) return { ...this.#texts(at, rows, this.#packed), ...nullable };
        const codes = new Int32Array(buffer, this.#codes.at, rows);
        const words = this.#texts(this.#offsets.at, this.#entries, this.#dictionary);
        return { kind: 'dictionary', ...nullable, codes, words };
      }
    }
  }

  #texts(offsetsAt: number, count: number, at: Place): TextColumn {
    const { bytes } = this.#kernel;
    const offsets = new Int32Array(bytes.buffer, offsetsAt, count + 1);
    const end = at.at + offsets[count]!;
    return { kind: 'text', valid: null, validFrom: 0, bytes: bytes.subarray(at.at, end), offsets };
  }

  /** Goes on to the next page with rows, if there are none left of this one. */
  async #turn(): Promise<void> {
    while (this.#left === 0) {
      if (this.#rows <= 0 || this.#at >= this.#size)
        throw parquetDamage('a column with fewer rows than others');
      await this.#pass();
      const header = await this.#head();
      const { compressed_page_size: packed, uncompressed_page_size: size } = header;
      const isDictionary = header.dictionary_page_header !== undefined;
      // What lies apart is put together from all of the page.
      const encoding = header.data_page_header?.encoding ?? header.data_page_header_v2?.encoding;
      const isWhole = isDictionary || encoding === 'BYTE_STREAM_SPLIT';
      const most = isWhole ? MOST_WHOLE_BYTES : MOST_PAGE_BYTES;
      if (!(packed >= 0 && size >= 0 && size <= most && this.#at + packed <= this.#size))
        throw parquetDamage('a page that is longer than its column');
      if (!isWhole && Math.max(packed, size) > this.#limits.page) {
        await this.#beginLongPage(header, size, packed);
        continue;
      }
      const bytes = await this.#bytes(this.#at, this.#at + packed);
      this.#at += packed;
      if (header.dictionary_page_header !== undefined)
        this.#readDictionary(bytes, size, header.dictionary_page_header.num_values);
      else if (header.data_page_header !== undefined) this.#beginPage(bytes, size, header.data_page_header);
      else if (header.data_page_header_v2 !== undefined)
        this.#beginPage2(bytes, size, header.data_page_header_v2);
    }
  }

  async #head(): Promise<PageHeader> {
    for (let most = HEAD_BYTES; ; most *= 16) {
      const end = Math.min(this.#size, this.#at + most);
      const bytes = await this.#bytes(this.#at, end);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        const header = parquetHeader(reader);
        this.#at += reader.offset;
        return header;
      } catch (error) {
        if (end === this.#size || most >= MOST_HEAD_BYTES)
          throw parquetDamage(error instanceof Error ? error.message : String(error));
      }
    }
  }

  #readDictionary(packed: Uint8Array, size: number, entries: number): void {
    const { values } = this.#column;
    const kernel = this.#kernel;
    this.#entries = entries;
    if (values.kind !== 'text' && entries * values.bytes > size)
      throw parquetDamage('a dictionary with fewer words than it says');
    if (values.kind !== 'text' && values.kind !== 'decimal') {
      this.#unpack(packed, size, this.#dictionary);
      return;
    }
    const { at } = this.#unpack(packed, size);
    if (values.kind === 'text') {
      kernel.make(this.#dictionary, size);
      kernel.make(this.#offsets, 4 * (entries + 1));
      if (kernel.run.texts(at, at + size, entries, 0, this.#offsets.at, this.#dictionary.at) === 0)
        throw parquetDamage('a dictionary with fewer words than it says');
      return;
    }
    kernel.make(this.#dictionary, entries * this.#width);
    kernel.run.widen(at, entries, values.bytes, values.isBig ? 1 : 0, this.#dictionary.at);
  }

  /** Levels and values lie packed together, the levels behind their length. */
  #beginPage(packed: Uint8Array, size: number, header: NonNullable<PageHeader['data_page_header']>): void {
    const { at } = this.#unpack(packed, size);
    let from = at;
    if (this.#column.mayBeNull) {
      if (size < 4 || header.definition_level_encoding !== 'RLE')
        throw parquetDamage('unsupported levels of a page');
      const { buffer } = this.#kernel.bytes;
      const length = new DataView(buffer).getUint32(at, true);
      if (length > size - 4) throw parquetDamage('levels that are longer than their page');
      from = at + 4 + length;
      this.#kernel.run.begin(this.#levelRun.at, at + 4, from, 1);
    }
    this.#beginValues(from, at + size, header.num_values, header.encoding, this.#column.mayBeNull);
  }

  /** Levels lie as they are before the values, which may be packed. */
  #beginPage2(bytes: Uint8Array, size: number, header: NonNullable<PageHeader['data_page_header_v2']>): void {
    const { definition_levels_byte_length: levels, repetition_levels_byte_length: repeats } = header;
    const before = levels + repeats;
    if (!(levels >= 0 && repeats >= 0 && before <= bytes.length && before <= size))
      throw parquetDamage('levels that are longer than their page');
    const isPacked = header.is_compressed !== false && size > before;
    const { at } = this.#unpack(bytes.subarray(before), size - before, this.#page, isPacked, levels);
    const levelsAt = at + (size - before);
    this.#kernel.bytes.set(bytes.subarray(repeats, before), levelsAt);
    this.#kernel.run.begin(this.#levelRun.at, levelsAt, levelsAt + levels, 1);
    this.#beginValues(at, levelsAt, header.num_values, header.encoding, this.#column.mayBeNull);
  }

  /** A page that does not come whole. */
  async #beginLongPage(header: PageHeader, size: number, packed: number): Promise<void> {
    const { data_page_header: first, data_page_header_v2: second } = header;
    const begin = this.#at;
    const end = begin + packed;
    this.#at = end;
    if (first !== undefined) {
      this.#beginWindow(this.#codec, begin, end, size);
      if (this.#column.mayBeNull) await this.#longLevelsOf(first.definition_level_encoding, size);
      this.#beginValues(this.#from, this.#end, first.num_values, first.encoding, this.#column.mayBeNull);
    } else if (second !== undefined) {
      const { definition_levels_byte_length: levels, repetition_levels_byte_length: repeats } = second;
      const before = levels + repeats;
      if (!(levels >= 0 && repeats >= 0 && before <= packed && before <= size))
        throw parquetDamage('levels that are longer than their page');
      const bytes = await this.#bytes(begin, begin + before);
      this.#kernel.make(this.#longLevels, levels);
      const { at } = this.#longLevels;
      this.#kernel.bytes.set(bytes.subarray(repeats), at);
      this.#kernel.run.begin(this.#levelRun.at, at, at + levels, 1);
      const isPacked = second.is_compressed !== false && size > before;
      this.#beginWindow(isPacked ? this.#codec : 'UNCOMPRESSED', begin + before, end, size - before);
      await this.#ensure(1);
      this.#beginValues(this.#from, this.#end, second.num_values, second.encoding, this.#column.mayBeNull);
    }
  }

  #beginWindow(codec: ColumnMetaData['codec'], from: number, to: number, size: number): void {
    const kernel = this.#kernel;
    kernel.make(this.#page, this.#limits.window);
    const places = { packed: this.#longPacked, state: this.#snappy };
    const page = { codec, bytes: this.#bytes, from, to };
    this.#pieces = pagePieces(kernel, places, page, this.#limits.piece);
    this.#coming = size;
    this.#from = this.#page.at;
    this.#end = this.#page.at;
  }

  /** The levels before the values of a long page, behind their length. */
  async #longLevelsOf(encoding: string, size: number): Promise<void> {
    const kernel = this.#kernel;
    await this.#ensure(4);
    if (this.#end - this.#from < 4 || encoding !== 'RLE') throw parquetDamage('unsupported levels of a page');
    const length = new DataView(kernel.bytes.buffer).getUint32(this.#from, true);
    if (length > size - 4) throw parquetDamage('levels that are longer than their page');
    this.#from += 4;
    kernel.make(this.#longLevels, length);
    const { at } = this.#longLevels;
    for (let done = 0; done < length; ) {
      await this.#ensure(1);
      const some = Math.min(length - done, this.#end - this.#from);
      if (some === 0) throw parquetDamage('levels that are longer than their page');
      kernel.bytes.copyWithin(at + done, this.#from, this.#from + some);
      this.#from += some;
      done += some;
    }
    kernel.run.begin(this.#levelRun.at, at, at + length, 1);
    await this.#ensure(1);
  }

  /** Sees that so many bytes of a long page are in its window, if there are as many left. */
  async #ensure(bytes: number): Promise<void> {
    if (this.#pieces === null) return;
    const { run } = this.#kernel;
    const isRun = !this.#isPlain && this.#left > 0;
    if (isRun) this.#from = run.position(this.#valueRun.at);
    if (this.#end - this.#from >= bytes) return;
    this.#makeRoom(bytes);
    while (this.#pieces !== null && this.#end - this.#from < bytes) await this.#fill();
    if (isRun) run.move(this.#valueRun.at, this.#from, this.#end);
  }

  /** Moves what is in the window to its beginning, with what Snappy may look back at, if else it has no room. */
  #makeRoom(bytes: number): void {
    const kernel = this.#kernel;
    const { at: first, bytes: room } = this.#page;
    if (this.#from + bytes <= first + room) return;
    const back = Math.min(this.#from - first, SNAPPY_BACK_BYTES);
    kernel.make(this.#page, SNAPPY_BACK_BYTES + bytes);
    kernel.bytes.copyWithin(this.#page.at, this.#from - back, this.#end);
    this.#end -= this.#from - back - this.#page.at;
    this.#from = this.#page.at + back;
  }

  /** Puts more of a long page behind what is in its window. */
  async #fill(): Promise<void> {
    const { at, bytes } = this.#page;
    const end = await this.#pieces!.fill(at, this.#end, at + bytes);
    this.#coming -= end - this.#end;
    const isEnd = end === this.#end;
    if (this.#coming < 0 || (isEnd && this.#coming > 0))
      throw parquetDamage('a page of another length than it says');
    this.#end = end;
    if (isEnd) this.end();
  }

  /** What is left of a long page when its rows are read: nothing, as a rule, but what it is packed by may check it. */
  async #pass(): Promise<void> {
    while (this.#pieces !== null) {
      this.#from = this.#end;
      this.#makeRoom(SNAPPY_BACK_BYTES);
      await this.#fill();
    }
  }

  #beginValues(from: number, end: number, rows: number, encoding: string, hasLevels: boolean): void {
    if (!(rows >= 0 && rows <= this.#rows)) throw parquetDamage('a column with more rows than others');
    this.#left = rows;
    this.#from = from;
    this.#end = end;
    this.#hasLevels = hasLevels;
    const { values } = this.#column;
    const isSplit = encoding === 'BYTE_STREAM_SPLIT' && values.kind !== 'text' && values.kind !== 'decimal';
    this.#stride = isSplit ? Math.floor((end - from) / values.bytes) : 0;
    this.#isPlain = encoding === 'PLAIN' || isSplit;
    if (this.#isPlain) return;
    if (encoding !== 'RLE_DICTIONARY' && encoding !== 'PLAIN_DICTIONARY')
      throw parquetDamage(`unsupported encoding of a page: ${encoding}`);
    if (this.#entries < 0) throw parquetDamage('a page without its dictionary');
    const width = from < end ? this.#kernel.bytes[from]! : 0;
    if (width > 32) throw parquetDamage('a page with numbers of more than 32 bits');
    this.#kernel.run.begin(this.#valueRun.at, from + 1, end, width);
  }

  /** Puts the bytes of a page into its place, with room for `more` behind them. */
  #unpack(packed: Uint8Array, size: number, page = this.#page, isPacked = true, more = 0): Place {
    const kernel = this.#kernel;
    kernel.make(page, size + more);
    if (this.#codec === 'SNAPPY' && isPacked) {
      kernel.make(this.#packed, packed.length);
      const { at } = this.#packed;
      kernel.bytes.set(packed, at);
      const { run } = kernel;
      const state = this.#snappy.at;
      const [end, last] = [at + packed.length, page.at + size];
      const isWhole =
        run.beginSnappy(state, at, end, page.at) === size &&
        run.snappy(state, end, 1, page.at, last) !== 0 &&
        run.snappyOut(state) === last &&
        run.snappyIn(state) === end;
      if (!isWhole) throw parquetDamage('Snappy that does not unpack');
      return page;
    }
    const bytes = isPacked ? unpacked(packed, size, this.#codec) : packed;
    if (bytes.length !== size)
      throw parquetDamage(`a page of ${bytes.length} bytes that says it has ${size}`);
    kernel.bytes.set(bytes, page.at);
    return page;
  }
}

/** In one piece: the size is known. */
function unpacked(bytes: Uint8Array, size: number, codec: ColumnMetaData['codec']): Uint8Array {
  const options = { chunkSize: Math.max(64, size + 1) };
  try {
    switch (codec) {
      case 'GZIP':
        return gunzipSync(bytes, options);
      case 'BROTLI':
        return brotliDecompressSync(bytes, options);
      case 'ZSTD':
        return zstdDecompressSync(bytes, options);
      default:
        return bytes;
    }
  } catch (error) {
    throw parquetDamage(`${codec}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
