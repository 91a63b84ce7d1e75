/** Record batches of Arrow that are too large to be held: their columns by ranges, some rows after others. */

import type { Data, DataType, Schema, Vector } from 'apache-arrow';
import { BackhaulError } from '../../../faults/fault.ts';
import type { TableBatch, TableColumn } from '../../../scan/table/table_columns.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { columnOf, TYPE } from './arrow_columns.ts';

/** What bounds the memory a file is read in. */
export interface ArrowLimits {
  /** A batch is held whole up to so many bytes. */
  readonly batch: number;
  /** Of a larger one, so many rows: a multiple of 8. */
  readonly rows: number;
}

/** Most writers make batches of 65,536 rows; polars makes one of a whole table. */
export const ARROW_LIMITS: ArrowLimits = { batch: 16 << 20, rows: 65_536 };

/** What a batch's head says of it, as far as it is used here (Message.fbs). */
interface BatchHead {
  readonly length: number | bigint;
  readonly buffers: readonly { readonly offset: number | bigint; readonly length: number | bigint }[];
  readonly compression: unknown;
}

/** Where in the file a batch's bytes lie: [at, at + bytes). */
interface Body {
  readonly at: number;
  readonly bytes: number;
}

interface Range {
  readonly at: number;
  readonly bytes: number;
}

/** Large batches on their way from who cuts messages out of a file to who asks for rows, in their order among the others. */
export class LargeBatches {
  readonly reader: ObjectReader;
  readonly signal: AbortSignal | undefined;
  readonly limits: ArrowLimits;
  /** The one that is offered. */
  #offer = Promise.withResolvers<LargeBatch>();
  #taken = Promise.withResolvers<void>();

  constructor(reader: ObjectReader, signal: AbortSignal | undefined, limits: ArrowLimits) {
    this.reader = reader;
    this.signal = signal;
    this.limits = limits;
    this.#taken.promise.catch(() => {
      // Told to whoever offers; there may be nobody.
    });
  }

  /** Whether it is to be read by ranges: what is packed has none. */
  isOne(head: unknown, bytes: number): boolean {
    return bytes > this.limits.batch && (head as BatchHead).compression === null;
  }

  /** Offers a batch, and ends when it was read. */
  async offer(head: unknown, at: number, bytes: number): Promise<void> {
    this.#offer.resolve(new LargeBatch(this, head as BatchHead, { at, bytes }));
    await this.#taken.promise;
  }

  offered(): Promise<LargeBatch> {
    return this.#offer.promise;
  }

  /** The batch that was offered was read. */
  taken(): void {
    const taken = this.#taken;
    this.#offer = Promise.withResolvers();
    this.#taken = Promise.withResolvers();
    this.#taken.promise.catch(() => {
      // As above.
    });
    taken.resolve();
  }

  /** No more are read. */
  end(): void {
    this.#taken.reject(new Error('no more rows are asked for'));
  }
}

export class LargeBatch {
  readonly #from: LargeBatches;
  readonly #head: BatchHead;
  readonly #body: Body;

  constructor(from: LargeBatches, head: BatchHead, body: Body) {
    this.#from = from;
    this.#head = head;
    this.#body = body;
  }

  /**
   * The first `limit` rows, with the columns at these places.
   * @throws BackhaulError `corrupt`, and as its reader does
   */
  async *rows(
    schema: Schema,
    dictionaries: ReadonlyMap<number, Vector>,
    places: readonly number[],
    limit: number,
  ): AsyncGenerator<TableBatch, void, undefined> {
    const rows = Math.min(limit, Number(this.#head.length));
    const first: number[] = [];
    let buffers = 0;
    for (const { type } of schema.fields) {
      first.push(buffers);
      buffers += buffersOf(type);
    }
    if (buffers !== this.#head.buffers.length) throw damaged('a batch with other columns than the file');
    for (let from = 0; from < rows; from += this.#from.limits.rows) {
      const to = Math.min(rows, from + this.#from.limits.rows);
      const columns = await Promise.all(
        places.map((place) => {
          const { type } = schema.fields[place]!;
          const { id } = type as unknown as { id: number };
          return this.#column(type, dictionaries.get(id), first[place]!, from, to);
        }),
      );
      yield { rows: to - from, columns };
    }
  }

  /** Rows [from, to) of a column whose first buffer is `buffer`. */
  async #column(
    type: DataType,
    dictionary: Vector | undefined,
    buffer: number,
    from: number,
    to: number,
  ): Promise<TableColumn> {
    const kind = type.typeId as number;
    if (kind === TYPE.null) return columnOf({ type, offset: 0, length: to - from } as unknown as Data);
    const bits: Range = { at: from / 8, bytes: Math.ceil(to / 8) - from / 8 };
    const hasNulls = Number(this.#head.buffers[buffer]!.length) > 0;
    const nullBitmap = hasNulls ? await this.#read(buffer, bits) : undefined;
    const common = { type, offset: 0, nullCount: hasNulls ? -1 : 0, nullBitmap, dictionary };
    if (kind === TYPE.bool)
      return columnOf({ ...common, values: await this.#read(buffer + 1, bits) } as unknown as Data);
    const wide = OFFSET_BYTES.get(kind);
    if (wide !== undefined) {
      const texts = await this.#texts(buffer + 1, wide, from, to);
      return columnOf({ ...common, ...texts } as unknown as Data);
    }
    const values = (type as unknown as { indices?: DataType }).indices ?? type;
    const bytes = widthOf(values);
    const read = await this.#read(buffer + 1, { at: from * bytes, bytes: (to - from) * bytes });
    return columnOf({ ...common, values: asValues(read, values) } as unknown as Data);
  }

  async #texts(buffer: number, wide: 4 | 8, from: number, to: number): Promise<Partial<Data>> {
    const read = await this.#read(buffer, { at: from * wide, bytes: (to - from + 1) * wide });
    const count = to - from + 1;
    const ends = wide === 4 ? new Int32Array(read.buffer, read.byteOffset, count) : wideOffsets(read, count);
    const [first, last] = [ends[0]!, ends[count - 1]!];
    if (!(first >= 0 && last >= first && last - first < 2 ** 31))
      throw damaged('texts that end before they begin');
    const valueOffsets = Int32Array.from(ends, (end) => end - first);
    const values = await this.#read(buffer + 1, { at: first, bytes: last - first });
    return { valueOffsets, values } as unknown as Partial<Data>;
  }

  /** Part of a buffer, where a multiple of 8 bytes begins. */
  async #read(buffer: number, { at, bytes }: Range): Promise<Uint8Array> {
    const { offset, length } = this.#head.buffers[buffer]!;
    const start = Number(offset) + at;
    if (at + bytes > Number(length) || start < 0 || start + bytes > this.#body.bytes)
      throw damaged('a buffer that is shorter than its rows');
    const { reader, signal } = this.#from;
    const read = await reader.read(this.#body.at + start, bytes, signal);
    return read.byteOffset % 8 === 0 ? read : Uint8Array.from(read);
  }
}

const OFFSET_BYTES: ReadonlyMap<number, 4 | 8> = new Map([
  [TYPE.utf8, 4],
  [TYPE.binary, 4],
  [TYPE.largeUtf8, 8],
  [TYPE.largeBinary, 8],
]);

function wideOffsets(read: Uint8Array, count: number): Float64Array {
  return Float64Array.from(new BigInt64Array(read.buffer, read.byteOffset, count), Number);
}

/** How many buffers a column has: validity and values, with offsets between for texts. */
function buffersOf(type: DataType): number {
  const kind = type.typeId as number;
  if (kind === TYPE.null) return 0;
  return OFFSET_BYTES.has(kind) ? 3 : 2;
}

/** Bytes of a value. */
function widthOf(type: DataType): number {
  const { bitWidth, precision, unit } = type as unknown as {
    readonly bitWidth: number;
    readonly precision: number;
    readonly unit: number;
  };
  switch (type.typeId as number) {
    case TYPE.int:
    case TYPE.decimal:
      return bitWidth / 8;
    case TYPE.float:
      return 2 << precision;
    case TYPE.date:
      return unit === 0 ? 4 : 8;
    default:
      return 8;
  }
}

/** Bytes as the array that Arrow has for the type. */
function asValues({ buffer, byteOffset, byteLength }: Uint8Array, type: DataType): unknown {
  const Values = type.ArrayType as unknown as Float64ArrayConstructor;
  return new Values(buffer as ArrayBuffer, byteOffset, byteLength / Values.BYTES_PER_ELEMENT);
}

function damaged(found: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the Arrow file is damaged',
    found,
    hint: 'Download or write the file again.',
  });
}
