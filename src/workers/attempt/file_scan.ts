/** The scanner of one file, with what it sets aside and how much of that the run allows. */

import type { BarColumns } from '../../bars/columns.ts';
import { interval as intervalText } from '../../base/quantities.ts';
import { BackhaulError } from '../../faults/fault.ts';
import type { Reading } from '../../scan/record_scanner.ts';
import { encodingHint } from '../../scan/record_text.ts';
import { Scanner } from '../../scan/scanner.ts';
import type { Reject, ScanChecks } from '../../scan/shape.ts';
import type { SortOutcome } from '../../scan/sort.ts';
import { StampDistances } from '../../scan/stamp_distances.ts';
import { expectedStamp, stampHint } from '../../scan/stamp_hint.ts';
import { SymbolTable } from '../../scan/symbol_table.ts';
import { TableScanner } from '../../scan/table/table_scanner.ts';
import { type FileScanner, type TradeCounts, TradeScanner } from '../../scan/trade_scanner.ts';
import { tableIn } from '../../state/task_plan.ts';
import type { Assignment, WorkerSettings } from '../link/assignment.ts';
import { RejectLedger } from './reject_budget.ts';

/** Numeric stamps before this are outside all reason: the wrong unit, not the year 1979. */
const EARLIEST_NUMERIC_US = Date.UTC(1980, 0, 1) * 1000;
/** Dates written out may be older: daily bars of stock indices go back this far. */
const EARLIEST_TEXT_US = Date.UTC(1800, 0, 1) * 1000;

/** A share of a handful of records says nothing: a file may always have this many. */
const SMALL_FILE_REJECTS = 10;

const DAY_S = 86_400;
const MONTH_S = 2_592_000;

/** What of a run's settings records are held against. */
type ScanSettings = Pick<WorkerSettings, 'latestUs' | 'maxRecordBytes'>;

/** Daily bars are as old when their stamps are numbers; nanoseconds before 1970 have been seen in damaged files alone. */
function isOfDays({ intervalS, shape }: Assignment['plan']): boolean {
  return intervalS >= 86_400 && ['s', 'ms', 'magnitude', 'excel'].includes(shape.time);
}

/** What a file's records are held against. */
export function scanChecks(plan: Assignment['plan'], settings: ScanSettings): ScanChecks {
  return {
    intervalUs: plan.intervalS * 1e6,
    grid: plan.grid,
    zone: plan.sessionZone,
    fileFromUs: plan.fileFromUs ?? Number.NEGATIVE_INFINITY,
    fileToUs: plan.fileToUs ?? Number.POSITIVE_INFINITY,
    wantFromUs: plan.wantFromUs ?? Number.NEGATIVE_INFINITY,
    wantToUs: plan.wantToUs ?? Number.POSITIVE_INFINITY,
    earliestUs: plan.shape.time === 'text' ? EARLIEST_TEXT_US : EARLIEST_NUMERIC_US,
    latestUs: settings.latestUs,
    ...(isOfDays(plan) && { oldestUs: EARLIEST_TEXT_US }),
    onInvalid: plan.onInvalid,
    maxRecordBytes: settings.maxRecordBytes,
  };
}

/** The scanner of one file with its rejects and its reject budget. */
export class FileScan {
  readonly scanner: FileScanner | TableScanner;
  readonly symbols: SymbolTable;
  readonly rejects = new RejectLedger();
  readonly #plan: Assignment['plan'];
  readonly #distances = new StampDistances();
  #joined = 0;
  #foldedDuplicates = 0;
  #foldedRejects = 0;

  constructor(
    task: { readonly plan: Assignment['plan']; readonly settings: ScanSettings },
    order: 'time' | 'symbol-time' | 'any',
    reading: Reading,
  ) {
    const { plan, settings } = task;
    this.#plan = plan;
    this.symbols = new SymbolTable(plan.symbol, plan.wantSymbols, plan.aliases);
    const checks = scanChecks(plan, settings);
    const isTable = tableIn(plan.storage) !== null;
    if (plan.shape.kind === 'trades') {
      if (isTable) throw tradesInTable();
      this.scanner = new TradeScanner(plan.shape, checks, this.symbols, order, reading);
    } else {
      const Kind = isTable ? TableScanner : Scanner;
      this.scanner = new Kind(plan.shape, checks, this.symbols, order, reading);
    }
  }

  /** Of a file of trades: how many are in bars, and in how many; null of any other. */
  get trades(): TradeCounts | null {
    if (!(this.scanner instanceof TradeScanner)) return null;
    const { used, made } = this.scanner.trades;
    return { used, made: made - this.#joined };
  }

  /**
   * Whether the first bar made of the file's trades is known to hold all of them: earlier ones were read and not asked
   * for. False of a file of many symbols or several series, and where an end of the range may have left them out too.
   */
  get beginsBefore(): boolean {
    const { shape, wantToUs } = this.#plan;
    const isOfOne = this.symbols.isFixed && shape.columns.every(({ value }) => value === undefined);
    return isOfOne && wantToUs === null && this.scanner.counters.outside > 0;
  }

  get duplicates(): number {
    return this.scanner.counters.duplicates + this.#foldedDuplicates;
  }

  get rejected(): number {
    return this.scanner.counters.rejected + this.#foldedRejects;
  }

  /** Equal stamps found when the file was sorted. */
  foldedInSort({ joined = 0, duplicates, rejected, rejects }: SortOutcome): void {
    this.#joined += joined;
    this.#foldedDuplicates += duplicates;
    this.#foldedRejects += rejected;
    this.rejects.add(rejects);
  }

  /** The same, found by the database; the rejects are written already. */
  foldedInStage({ joined = 0, duplicates, rejected }: Omit<SortOutcome, 'rejects'>): void {
    this.#joined += joined;
    this.#foldedDuplicates += duplicates;
    this.#foldedRejects += rejected;
  }

  /** @throws BackhaulError once the absolute limit is passed */
  checkBudget(): void {
    this.rejects.add(this.scanner.takeRejects());
    const { maxRejects } = this.#plan;
    if (maxRejects !== null && this.rejected > maxRejects) this.#overBudget(`at most ${maxRejects} rejects`);
  }

  /**
   * @throws BackhaulError when the whole file has more rejects than its share, nothing but rejects, or bars of another
   * interval
   */
  checkEnd(): void {
    this.checkBudget();
    this.#checkDistances();
    const { maxRejectShare } = this.#plan;
    const read = this.scanner.counters.recordsRead;
    const rejected = this.rejected;
    if (rejected > 0 && rejected === read) this.#overBudget('at least one good record');
    if (maxRejectShare !== null && rejected > Math.max(SMALL_FILE_REJECTS, maxRejectShare * read))
      this.#overBudget(`at most ${maxRejectShare * 100} % of ${read} records rejected`);
  }

  #overBudget(expected: string): never {
    const first = this.rejects.mostFrequent;
    const { badStamp, offGridUs } = this.scanner;
    if (first?.reason === 'timestamp' && badStamp !== null) this.#badStamps(badStamp, first);
    const isOffGrid = first?.reason === 'off-grid';
    const told = intervalText(this.#plan.intervalS);
    const apart = offGridUs === null ? '' : `records ${intervalText(offGridUs / 1e6)} apart, `;
    throw new BackhaulError({
      kind: 'too-many-rejects',
      message: `too many bad records: ${this.rejected} of ${this.scanner.counters.recordsRead} read so far; nothing of the file was kept`,
      expected: isOffGrid ? `${expected}, of ${told} bars, ${SAID_BY}` : expected,
      found: first === undefined ? '' : `${isOffGrid ? apart : ''}${first.reason} in "${first.record}"`,
      ...(first !== undefined && {
        where: {
          line: first.line,
          byteOffset: first.byteOffset,
          ...(first.field !== '' && { field: first.field }),
        },
      }),
      hint: isOffGrid
        ? `${notThoseBars(told)} --on-invalid keep loads them as they are.`
        : ((first?.field === 'symbol' ? encodingHint(first.record, this.#plan.shape) : null) ??
          'look at the file; --max-rejects allows more, --on-invalid keep loads records that only break a rule'),
    });
  }

  /**
   * Sees rows of the file as they come. Where bars of an interval may open at any instant, nothing but their distances
   * tell that they are none of it: see {@link checkEnd}, which waits for few.
   */
  see({ symbol, ts }: BarColumns, rows: number): void {
    const { grid, onInvalid } = this.#plan;
    const keepsAll = onInvalid === 'keep' || onInvalid.includes('off-grid');
    if (grid !== 'none' || keepsAll || this.trades !== null || this.#distances.isFull) return;
    for (let row = 0; row < rows && !this.#distances.isFull; row++)
      this.#distances.see(symbol[row]!, ts[row]!);
    if (this.#distances.isFull) this.#checkDistances();
  }

  /** @throws BackhaulError `not-a-bar-file` where most of the first rows are nearer to each other than such bars are */
  #checkDistances(): void {
    const { intervalS } = this.#plan;
    // Clocks change, and months are 28 days long.
    const leastS = intervalS < DAY_S ? intervalS : intervalS < MONTH_S ? intervalS - 3600 : 28 * DAY_S - 3600;
    if (!this.#distances.areBelow(leastS * 1e6)) return;
    const told = intervalText(intervalS);
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'the records are too near to each other; nothing of the file was kept',
      expected: `${told} bars, ${SAID_BY}`,
      found: `records ${intervalText(this.#distances.mostUs! / 1e6)} apart`,
      hint: notThoseBars(told),
    });
  }

  /** The rejects are of stamps that the layout cannot read: then it is the layout that is to be looked at. */
  #badStamps(found: string, { line, byteOffset }: Reject): never {
    throw new BackhaulError({
      kind: 'too-many-rejects',
      message: `too many stamps that cannot be read: ${this.rejected} of ${this.scanner.counters.recordsRead} records read so far were set aside; nothing of the file was kept`,
      where: { line, byteOffset, field: 'time' },
      expected: expectedStamp(this.#plan.shape),
      found,
      hint: stampHint(found, this.#plan.shape),
    });
  }
}

/** Who may have said of which bars a file is. */
const SAID_BY = 'as its name, its layout or --interval says';

function notThoseBars(told: string): string {
  return `If they are no ${told} bars: npx backhaul inspect FILE shows how it is read; rename it, or say interval: in a layout of your own.`;
}

function tradesInTable(): BackhaulError {
  return new BackhaulError({
    kind: 'unsupported',
    message: 'trades are not read from Parquet and Arrow files',
    expected: 'a file of text, plain or packed, for a layout of kind: trades',
    found: 'a table',
    hint: "Write it as CSV: duckdb -c \"COPY (FROM 'trades.parquet') TO 'trades.csv.gz'\".",
  });
}
