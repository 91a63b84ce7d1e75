/** Reads a file whole, as a worker would, and keeps what a person wants to see of it. Writes nothing. */

import { BarColumns, type Bars } from '../bars/columns.ts';
import { faultOf } from '../faults/classify.ts';
import type { Fault } from '../faults/fault.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import type { SourceOptions } from '../producer/sources/source.ts';
import type { Reject } from '../scan/shape.ts';
import { type FileFacts, type Need, NO_FACTS } from '../scan/stamp_reader.ts';
import { BatchQueue } from '../workers/attempt/batches.ts';
import { refuseDays } from '../workers/attempt/days_as_minutes.ts';
import { openReader, scanStored } from '../workers/attempt/file_bytes.ts';
import { FileScan } from '../workers/attempt/file_scan.ts';

/** A bar as it would be stored. */
export interface InspectedBar {
  readonly symbol: string;
  readonly barTs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Null: none. */
  readonly volume: number | null;
  readonly trades: number | null;
}

/** Rejects of one reason, with the first of them. */
export interface InspectedRejects {
  readonly reason: string;
  readonly count: number;
  readonly first: readonly Reject[];
}

/** What a reading of the whole file came to. */
export interface FileReading {
  readonly read: number;
  readonly bars: number;
  readonly rejected: number;
  readonly empty: number;
  readonly duplicates: number;
  readonly rejects: readonly InspectedRejects[];
  /** Earliest and latest bars, in the order of time. */
  readonly first: readonly InspectedBar[];
  readonly last: readonly InspectedBar[];
  /** Of all symbols the first ones. */
  readonly symbols: readonly string[];
  readonly symbolCount: number;
  /** Records stand in the order that the layout says; null where it says that they are in none. */
  readonly inOrder: boolean | null;
  /** The pattern that text stamps were read by. */
  readonly stampForm: string | null;
  /** Why a load would not take the file; null where it would. */
  readonly fault: Fault | null;
}

/** What a reading goes by. */
export interface ReadingOptions {
  readonly source: SourceOptions;
  /** Bars at each end, and rejects a reason, that are kept. */
  readonly rows: number;
  readonly limits: { readonly maxRecordBytes: number; readonly latestUs: number };
  readonly signal: AbortSignal;
}

/** Rows of a batch. */
const BATCH_ROWS = 8_192;
/** Symbols that are named. */
const SYMBOLS_NAMED = 20;

type Order = PlannedTask['plan']['order'];

/** One pass over a file: how its records are expected, and what is known of it. */
interface Pass {
  readonly order: Order;
  readonly facts: FileFacts;
  readonly survey: Need | null;
}

/** Reads the file of a task. What is wrong with the file is in the result; an interrupt and a broken source are thrown. */
export async function readFile(task: PlannedTask, options: ReadingOptions): Promise<FileReading> {
  let pass: Pass = { order: task.plan.order, facts: NO_FACTS, survey: null };
  for (;;) {
    const file = new FileScan({ plan: task.plan, settings: options.limits }, pass.order, pass);
    const ends = new Ends(options.rows);
    let fault: Fault | null = null;
    let facts = pass.facts;
    try {
      await scan(task, file, ends, options, pass.survey !== null);
      // A survey may find that nothing tells what it was made for.
      if (pass.survey !== null) facts = file.scanner.facts;
      else if (!file.scanner.hasStopped) {
        file.checkEnd();
        refuseDays(task.plan, file, {
          firstUs: ends.first[0]?.barTs ?? null,
          lastUs: ends.last.at(-1)?.barTs ?? null,
          symbols: file.symbols.names.length,
        });
      }
    } catch (error) {
      if (options.signal.aborted) throw error;
      fault = faultOf(error);
      if (fault.kind === 'internal') throw error;
    }
    const { need, unordered } = file.scanner;
    if (fault === null && need !== null) pass = { ...pass, survey: need };
    else if (fault === null && pass.survey !== null) pass = { ...pass, facts, survey: null };
    else if (fault === null && unordered) pass = { ...pass, order: 'any' };
    else return readingOf(file, ends, pass.order === task.plan.order, task, options.rows, fault);
  }
}

async function scan(
  task: PlannedTask,
  file: FileScan,
  ends: Ends,
  { source, signal }: ReadingOptions,
  isSurvey: boolean,
): Promise<void> {
  const { plan, entry } = task;
  const queue = new BatchQueue(
    [new BarColumns(BATCH_ROWS, false), new BarColumns(BATCH_ROWS, false)],
    async (cols, rows) => {
      file.see(cols, rows);
      ends.take(cols, rows, file.symbols.names);
    },
  );
  const reader = await openReader({ ...task, settings: { source } });
  try {
    await scanStored(reader, plan, file, queue, {
      entry,
      sha256: plan.sha256,
      signal,
      onBytes: () => {
        if (!isSurvey) file.checkBudget();
      },
    });
    await queue.drain();
  } catch (error) {
    await queue.stop(error);
    throw error;
  } finally {
    await reader.close();
  }
}

function readingOf(
  file: FileScan,
  ends: Ends,
  inOrder: boolean,
  { plan }: PlannedTask,
  rows: number,
  fault: Fault | null,
): FileReading {
  const { recordsRead, empty } = file.scanner.counters;
  const byReason = Map.groupBy(file.rejects.list, ({ reason }) => reason);
  const { names } = file.symbols;
  return {
    read: recordsRead,
    bars: ends.count,
    rejected: file.rejected,
    empty,
    duplicates: file.duplicates,
    rejects: [...byReason].map(([reason, all]) => ({ reason, count: all.length, first: all.slice(0, rows) })),
    first: ends.first,
    last: ends.last,
    symbols: names.slice(0, SYMBOLS_NAMED),
    symbolCount: names.length,
    inOrder: plan.order === 'any' ? null : inOrder,
    stampForm: file.scanner.stampForm,
    fault,
  };
}

/** The earliest and the latest bars of all that are shown to it. */
class Ends {
  count = 0;
  readonly first: InspectedBar[] = [];
  readonly last: InspectedBar[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  take(cols: Bars, rows: number, names: readonly string[]): void {
    this.count += rows;
    for (let row = 0; row < rows; row++) {
      const ts = cols.ts[row]!;
      if (this.first.length < this.#most || ts < this.first.at(-1)!.barTs)
        keep(this.first, barOf(cols, row, names), this.#most, 'earliest');
      if (this.last.length < this.#most || ts >= this.last[0]!.barTs)
        keep(this.last, barOf(cols, row, names), this.#most, 'latest');
    }
  }
}

/** Puts a bar in its place among `bars`, which are in the order of time; of two of one symbol and time the later told counts. */
function keep(bars: InspectedBar[], bar: InspectedBar, most: number, side: 'earliest' | 'latest'): void {
  const twin = bars.findIndex(({ barTs, symbol }) => barTs === bar.barTs && symbol === bar.symbol);
  if (twin >= 0) {
    bars[twin] = bar;
    return;
  }
  const at = bars.findIndex(({ barTs }) => barTs > bar.barTs);
  bars.splice(at < 0 ? bars.length : at, 0, bar);
  if (bars.length <= most) return;
  if (side === 'earliest') bars.pop();
  else bars.shift();
}

function barOf(cols: Bars, row: number, names: readonly string[]): InspectedBar {
  const { symbol, ts, open, high, low, close, volume, trades } = cols;
  return {
    symbol: names[symbol[row]!]!,
    barTs: ts[row]!,
    open: open[row]!,
    high: high[row]!,
    low: low[row]!,
    close: close[row]!,
    volume: numberOrNull(volume[row]!),
    trades: numberOrNull(trades[row]!),
  };
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
