import type { ClientBase } from 'pg';
import { BarColumns } from '../../bars/columns.ts';
import { toRecordBatch } from '../../bars/record_batch.ts';
import { killPoint } from '../../base/kill_points.ts';
import { type BarSink, CopyWriter, copyRows, MAX_COPY_BYTES } from '../../copy/copy_writer.ts';
import { FileSink } from '../../copy/file_sink.ts';
import { BarEncoder, RowEncoder } from '../../copy/format.ts';
import { leafOf } from '../../copy/leaf.ts';
import { mergeStaged, openStage, removeOld, stageRows } from '../../copy/merge.ts';
import { NullSink } from '../../copy/null_sink.ts';
import { BackhaulError, type Fault } from '../../faults/fault.ts';
import { encodeState, IndicatorEngine, STATE_LENGTH } from '../../indicators/engine.ts';
import { SessionClock } from '../../indicators/session_clock.ts';
import type { RejectSummary } from '../../load/events.ts';
import { SeriesStates } from '../../load/series_states.ts';
import { openBytes } from '../../producer/archive/entry_stream.ts';
import { openArchive, openObject } from '../../producer/sources/open_source.ts';
import type { ObjectReader } from '../../producer/sources/source.ts';
import { Scanner } from '../../scan/scanner.ts';
import type { ScanChecks } from '../../scan/shape.ts';
import { type SortOutcome, sortBars } from '../../scan/sort.ts';
import { SymbolTable } from '../../scan/symbols.ts';
import { finish, type SeriesEnd } from '../../state/task_store.ts';
import type { Assignment, PhaseSeconds, WorkerLink, WorkerSettings } from '../link.ts';
import type { TaskResult } from '../task_result.ts';
import { type WorkerMemory, workerMemory } from '../worker_memory.ts';
import { BatchQueue, scanInto } from './batches.ts';
import { RejectLedger } from './rejects.ts';

/** Numeric stamps before this are outside all reason: the wrong unit, not the year 1979. */
const EARLIEST_NUMERIC_US = Date.UTC(1980, 0, 1) * 1000;
/** Dates written out may be older: daily bars of stock indices go back this far. */
const EARLIEST_TEXT_US = Date.UTC(1800, 0, 1) * 1000;

/** Between two words on how far it is. */
const PROGRESS_MS = 200;

/** Ends of so many series go with the statement that finishes a task; more are copied, in two round trips. */
const FEW_SERIES = 8;

/** Rows of the side tables, per series: what they may take in all, and what they take as a rule. */
const SIDE_BYTES = 1 << 28;
const COVERAGE_BYTES = 64;
const STATE_BYTES = 600;

/** The ways a file can go. `stream`: as it comes; `sort`: through memory; `merge`: through a stage in the database. */
type Way = 'stream' | 'sort' | 'merge';

/** Thrown inside an attempt to start it again another way. */
class GoAnotherWay extends Error {
  readonly way: Way;
  constructor(way: Way) {
    super(`the file has to be loaded by way of ${way}`);
    this.way = way;
  }
}

/** One attempt at one task. */
export class TaskAttempt {
  readonly #task: Assignment;
  readonly #link: WorkerLink;
  readonly #client: ClientBase | null;
  readonly #memory: WorkerMemory;
  readonly #encoder: BarEncoder;
  readonly #waits: PhaseSeconds = { source: 0, lane: 0, copy: 0 };
  #began = false;
  #inflated = 0;
  /** Rows on their way to the sink, and those it has taken. */
  #queued = 0;
  #written = 0;
  /** What was told last: when, and how many records. */
  #told = { at: 0, records: 0 };

  /** `client` is null when rows go to no database. */
  constructor(task: Assignment, link: WorkerLink, client: ClientBase | null) {
    this.#task = task;
    this.#link = link;
    this.#client = client;
    this.#memory = workerMemory(task.settings.batchRows, task.settings.copyBytes);
    this.#encoder = new BarEncoder(task.settings.indicators, this.#memory.kernel);
  }

  /** Loads the task. Throws what went wrong; the caller rolls back. */
  async run(): Promise<TaskResult> {
    killPoint('attempt.begun');
    let way: Way = 'stream';
    if (this.#task.merge || this.#task.replaces) way = 'merge';
    else if (this.#task.plan.order === 'any') way = 'sort';
    for (;;) {
      try {
        return await this.#by(way);
      } catch (error) {
        if (!(error instanceof GoAnotherWay)) throw error;
        await this.#rollBack();
        this.#link.tell({ kind: 'withdraw' });
        way = error.way;
      }
    }
  }

  async #by(way: Way): Promise<TaskResult> {
    this.#inflated = 0;
    this.#queued = 0;
    this.#written = 0;
    this.#told = { at: 0, records: 0 };
    const file = new FileScan(this.#task, way === 'stream' ? this.#task.plan.order : 'any');
    if (way === 'merge') return this.#merge(file);
    return this.#append(file, way === 'sort');
  }

  // ── append: rows newer than what stands ────────────────────────────────────────────────────────────────────────

  async #append(file: FileScan, sorting: boolean): Promise<TaskResult> {
    const { plan } = this.#task;
    const series = new SeriesStates(
      this.#link,
      file.symbols,
      plan,
      plan.order === 'symbol-time' && plan.wantSymbols === null,
    );
    const engine = new IndicatorEngine(sessionClock(plan.sessionZone), this.#memory.kernel);
    let sink: BarSink | null = null;
    const take = async (cols: BarColumns, rows: number): Promise<void> => {
      if (rows === 0) return;
      file.checkBudget();
      if (!(await series.compute(engine, cols, rows))) throw new GoAnotherWay('merge');
      this.#waits.lane = series.laneSeconds;
      await this.#ensureLeaves(cols, rows);
      let since = performance.now();
      const took = (more: number): void => {
        const now = performance.now();
        this.#waits.copy += (now - since) / 1000;
        since = now;
        this.#written += more;
        this.#tellProgress(file);
      };
      sink ??= this.#openSink();
      await sink.write(toRecordBatch(cols, series.ids, 0, rows), took);
      killPoint('copy.opened');
      took(0);
    };
    let written = 0;
    try {
      if (sorting) await this.#sorted(file, take);
      else {
        const announce = (rows: number): void => {
          this.#queued += rows;
          series.foresee();
        };
        await this.#scan(file, new BatchQueue(this.#memory.columns, take, announce));
      }
      file.checkEnd();
      series.complete();
      if (sink !== null) written = await (sink as BarSink).end();
      killPoint('copy.written');
    } catch (error) {
      await (sink as BarSink | null)?.abort();
      throw error;
    }
    if (written !== series.rows) throw broken(`COPY took ${written} rows of ${series.rows}`);
    const rejects = file.rejects;
    return this.#commit({
      file,
      loaded: series.rows,
      duplicates: file.duplicates,
      rejected: file.rejected,
      conflicts: 0,
      completed: 0,
      recomputed: 0,
      merged: false,
      series,
      writeStates: true,
      rejects: rejects.summary(this.#task),
    });
  }

  /** Scans the file into the queue. */
  async #scan(file: FileScan, queue: BatchQueue): Promise<void> {
    const reader = await this.#openReader();
    try {
      await scanInto(this.#bytes(reader), file.scanner, queue, (bytes) => this.#sawBytes(bytes, file));
      if (file.scanner.unordered) {
        const other = new GoAnotherWay('sort');
        await queue.stop(other);
        throw other;
      }
    } catch (error) {
      await queue.stop(error);
      throw error;
    } finally {
      await reader.close();
    }
  }

  /** Collects the whole file in memory, sorts it, and hands it on in batches; too large a file goes to the merge. */
  async #sorted(file: FileScan, take: (cols: BarColumns, rows: number) => Promise<void>): Promise<void> {
    const { settings } = this.#task;
    let all = new BarColumns(Math.min(settings.batchRows, settings.sortRows), false);
    const collect = async (cols: BarColumns, rows: number): Promise<void> => {
      if (all.length + rows > all.capacity) {
        if (all.length + rows > settings.sortRows) throw new GoAnotherWay('merge');
        const larger = new BarColumns(
          Math.min(settings.sortRows, Math.max(2 * all.capacity, all.length + rows)),
          false,
        );
        larger.append(all, 0, all.length);
        all = larger;
      }
      all.append(cols, 0, rows);
    };
    await this.#scan(file, new BatchQueue(this.#memory.columns, collect));
    file.foldedInSort(sortBars(all, file.symbols.names));
    const cols = this.#memory.columns[0]!;
    for (let at = 0; at < all.length; at += cols.capacity) {
      cols.length = 0;
      cols.append(all, at, Math.min(all.length, at + cols.capacity));
      await take(cols, cols.length);
    }
  }

  // ── merge: rows among or against what stands ───────────────────────────────────────────────────────────────────

  async #merge(file: FileScan): Promise<TaskResult> {
    const client = this.#client;
    if (client === null) throw broken('nothing can be merged without a database');
    const { plan, taskId } = this.#task;
    await this.#link.ask({ kind: 'turn' });
    const bare = await client.query(`SELECT 1 FROM backhaul.partition WHERE state = 'bare' LIMIT 1`);
    if (bare.rowCount !== 0) return { kind: 'needs-standing' };
    await this.#begin();
    await openStage(client);
    killPoint('merge.opened');
    if (this.#task.replaces) await removeOld(client, taskId);
    killPoint('merge.removed');
    const series = new SeriesStates(this.#link, file.symbols, plan, false);
    const take = async (cols: BarColumns, rows: number): Promise<void> => {
      if (rows === 0) return;
      file.checkBudget();
      await series.identify(cols, rows);
      await this.#ensureLeaves(cols, rows);
      await stageRows(client, cols, series.ids, rows);
    };
    await this.#scan(file, new BatchQueue(this.#memory.columns, take));
    // A leaf made meanwhile by another loader may be bare: the comparison would miss its rows.
    const stillBare = await client.query(`SELECT 1 FROM backhaul.partition WHERE state = 'bare' LIMIT 1`);
    if (stillBare.rowCount !== 0) {
      await this.#rollBack();
      return { kind: 'needs-standing' };
    }
    killPoint('merge.staged');
    const engine = new IndicatorEngine(sessionClock(plan.sessionZone));
    const merged = await mergeStaged(client, taskId, engine, this.#task.settings.indicators, plan.onConflict);
    killPoint('merge.recomputed');
    file.conflictsInStage(merged.rejected);
    file.checkEnd();
    return this.#commit({
      file,
      loaded: merged.loaded,
      duplicates: file.duplicates + merged.duplicates,
      rejected: file.rejected,
      conflicts: merged.conflicts,
      completed: merged.completed,
      recomputed: merged.recomputed,
      merged: true,
      series,
      writeStates: false,
      rejects: file.rejects.summary(this.#task),
    });
  }

  // ── the transaction ────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens the attempt's transaction. */
  async #begin(): Promise<void> {
    if (this.#began || this.#client === null) return;
    await this.#client.query(this.#beginning());
  }

  /** What opens it, to go before the first statement. The session carries the attempt's name: whoever expires it can end it. */
  #beginning(): string {
    if (this.#began) return '';
    this.#began = true;
    const { taskId, attempt } = this.#task;
    // An asynchronous commit may be lost by a crash of the server, but only whole: the task is then loaded again.
    return `BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL application_name = 'backhaul ${taskId}/${attempt}';`;
  }

  async #rollBack(): Promise<void> {
    if (!this.#began || this.#client === null) return;
    this.#began = false;
    await this.#client.query('ROLLBACK');
  }

  #openSink(): BarSink {
    const { buffers } = this.#memory;
    const { sink } = this.#task.settings;
    if (typeof sink === 'object')
      return new FileSink(this.#encoder, buffers[0]!, `${sink.folder}/${this.#task.taskId}`, MAX_COPY_BYTES);
    if (this.#client === null) return new NullSink(this.#encoder, buffers[0]!);
    const { hypertable } = this.#task.settings;
    const before = this.#beginning();
    return new CopyWriter(this.#client, this.#encoder, {
      buffers,
      hypertable,
      before,
      maxCopyBytes: MAX_COPY_BYTES,
    });
  }

  /** Writes what belongs to the rows, checks the sums, and commits. */
  async #commit(done: Done): Promise<TaskResult> {
    const { file, series } = done;
    const { taskId, attempt, plan } = this.#task;
    const read = file.scanner.counters.recordsRead;
    if (read !== done.loaded + done.rejected + done.duplicates)
      throw broken(
        `records read ${read} <> loaded ${done.loaded} + rejected ${done.rejected} + duplicates ${done.duplicates}`,
        'reconcile',
      );
    if (plan.expectedRows !== null && plan.expectedRows !== read + file.scanner.counters.outside)
      throw new BackhaulError({
        kind: 'checksum',
        message: 'the file does not hold the rows its manifest promises',
        expected: `${plan.expectedRows} rows`,
        found: `${read + file.scanner.counters.outside} rows`,
        hint: 'download the file again',
      });
    const client = this.#client;
    const waiting = performance.now();
    killPoint('lane.asked');
    const laneLoaded = await this.#link.ask({ kind: 'turn' });
    this.#waits.lane += (performance.now() - waiting) / 1000;
    killPoint('lane.turn');
    if (client !== null) {
      await this.#begin();
      await this.#writeRejects(client, file);
      const isFew = series.used().length <= FEW_SERIES;
      if (!isFew) await this.#copyEnds(client, series, done.writeStates);
      killPoint('beside.written');
      await finish(client, {
        ends: isFew ? this.#fewEnds(series, done.writeStates) : [],
        taskId,
        attempt,
        laneLoaded,
        rowsRead: read,
        rowsLoaded: done.loaded,
        rowsRejected: done.rejected,
        rowsDuplicate: done.duplicates,
        rowsConflict: done.conflicts,
        rowsOutside: file.scanner.counters.outside,
        firstTsUs: series.firstTs,
        lastTsUs: series.lastTs,
      });
      killPoint('task.finished');
      const committing = client.query('COMMIT');
      killPoint('commit.sent');
      await committing;
      killPoint('commit.answered');
      this.#began = false;
    }
    return {
      kind: 'loaded',
      rows: {
        read,
        loaded: done.loaded,
        rejected: done.rejected,
        duplicate: done.duplicates,
        conflict: done.conflicts,
        outside: file.scanner.counters.outside,
      },
      firstTsUs: series.firstTs,
      lastTsUs: series.lastTs,
      inflatedBytes: this.#inflated,
      seriesIds: series.usedIds(),
      rejects: done.rejects,
      merged: done.merged,
      completed: done.completed,
      recomputed: done.recomputed,
      waits: this.#waits,
    };
  }

  async #writeRejects(client: ClientBase, file: FileScan): Promise<void> {
    if (file.rejects.list.length === 0) return;
    const rows = new RowEncoder(6);
    for (const reject of file.rejects.list) {
      rows.row();
      rows.int8(this.#task.taskId);
      rows.int8(reject.line);
      rows.int8(reject.byteOffset);
      rows.text(reject.reason);
      rows.text(reject.field);
      rows.text(reject.record);
    }
    const columns = ['task_id', 'line', 'byte_offset', 'reason', 'field', 'record'];
    await copyRows(client, 'backhaul.reject', columns, rows.bytes());
  }

  /** What the file leaves of each of its series; a state holds until the next is asked for. */
  *#ends(series: SeriesStates, withStates: boolean): Generator<SeriesEnd> {
    const { plan } = this.#task;
    const fileFrom = Math.max(plan.fileFromUs ?? -Infinity, plan.wantFromUs ?? -Infinity);
    const fileTo = Math.min(plan.fileToUs ?? Infinity, plan.wantToUs ?? Infinity);
    for (const { seriesId, slot, firstTs, lastTs } of series.used()) {
      yield {
        seriesId,
        fromUs: plan.fileFromUs === null ? firstTs : Math.min(fileFrom, firstTs),
        toUs: plan.fileToUs === null ? lastTs + plan.intervalS * 1e6 : Math.max(fileTo, lastTs + 1),
        lastTsUs: lastTs,
        state: withStates ? encodeState(series.packed, slot * STATE_LENGTH) : null,
      };
    }
  }

  #fewEnds(series: SeriesStates, withStates: boolean): SeriesEnd[] {
    const ends: SeriesEnd[] = [];
    for (const end of this.#ends(series, withStates))
      ends.push({ ...end, state: end.state === null ? null : end.state.slice() });
    return ends;
  }

  async #copyEnds(client: ClientBase, series: SeriesStates, states: boolean): Promise<void> {
    const { taskId } = this.#task;
    const used = series.used();
    const coverage = new RowEncoder(3, SIDE_BYTES, COVERAGE_BYTES * used.length);
    const ends = new RowEncoder(4, SIDE_BYTES, states ? STATE_BYTES * used.length : 0);
    for (const one of this.#ends(series, states)) {
      coverage.row();
      coverage.int4(one.seriesId);
      coverage.tstzrange(one.fromUs, one.toUs);
      coverage.int8(taskId);
      if (one.state === null) continue;
      ends.row();
      ends.int4(one.seriesId);
      ends.timestamptz(one.lastTsUs);
      ends.int8(taskId);
      ends.bytea(one.state);
    }
    await copyRows(client, 'backhaul.coverage', ['series_id', 'covered', 'task_id'], coverage.bytes());
    if (states)
      await copyRows(
        client,
        'backhaul.indicator_state',
        ['series_id', 'ts', 'task_id', 'state'],
        ends.bytes(),
      );
  }

  // ── bytes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #openReader(): Promise<ObjectReader> {
    const { uri, sizeBytes, etag, settings, plan } = this.#task;
    const { storage } = plan;
    return storage.kind === 'zip'
      ? openArchive(uri, storage.objectBytes, storage.objectEtag, settings.source)
      : openObject(uri, sizeBytes, etag, settings.source);
  }

  #bytes(reader: ObjectReader): AsyncIterable<Uint8Array> {
    const { plan } = this.#task;
    return openBytes(reader, plan.storage, this.#link.signal, {
      entry: this.#task.entry,
      sha256: plan.sha256,
      limits: this.#task.settings.inflate,
      onWait: (ms) => {
        this.#waits.source += ms / 1000;
      },
    });
  }

  #sawBytes(bytes: number, file: FileScan): void {
    this.#link.signal.throwIfAborted();
    this.#inflated += bytes;
    file.checkBudget();
    if (this.#inflated === bytes) killPoint('bytes.first');
    this.#tellProgress(file);
  }

  /**
   * Says how far it is. Where batches wait for the sink, records count as it takes them: the scanner is batches ahead
   * then, and goes on by leaps.
   */
  #tellProgress(file: FileScan): void {
    const now = performance.now();
    if (now - this.#told.at < PROGRESS_MS) return;
    const isAhead = this.#queued > this.#written;
    const records = isAhead
      ? this.#written + file.duplicates + file.rejected
      : file.scanner.counters.recordsRead;
    this.#told = { at: now, records: Math.max(records, this.#told.records) };
    this.#link.tell({
      kind: 'progress',
      bytes: this.#inflated,
      records: this.#told.records,
      waits: { ...this.#waits },
    });
  }

  /** The leaves the rows go to exist. Asked only for months this thread has not met. */
  async #ensureLeaves(cols: BarColumns, rows: number): Promise<void> {
    if (this.#client === null) return;
    const unknown: number[] = [];
    let leaf = leafOf(cols.ts[0]!);
    if (!knownLeaves.has(leaf.name)) unknown.push(leaf.fromUs);
    for (let row = 1; row < rows; row++) {
      const stamp = cols.ts[row]!;
      if (stamp >= leaf.fromUs && stamp < leaf.toUs) continue;
      leaf = leafOf(stamp);
      if (!knownLeaves.has(leaf.name) && !unknown.includes(leaf.fromUs)) unknown.push(leaf.fromUs);
    }
    if (unknown.length === 0) return;
    await this.#link.ask({ kind: 'partitions', stamps: unknown });
    for (const stamp of unknown) knownLeaves.add(leafOf(stamp).name);
  }
}

/** Leaves known to exist in the database this thread writes to. */
const knownLeaves = new Set<string>();

/** What a finished way hands to the commit. */
interface Done {
  readonly file: FileScan;
  readonly loaded: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
  readonly completed: number;
  readonly recomputed: number;
  readonly merged: boolean;
  readonly series: SeriesStates;
  readonly writeStates: boolean;
  readonly rejects: readonly RejectSummary[];
}

function broken(message: string, kind: Fault['kind'] = 'internal'): BackhaulError {
  return new BackhaulError({
    kind,
    message,
    hint: 'this is a defect of backhaul: nothing of the file was kept',
  });
}

function sessionClock(zone: string): SessionClock {
  return zone === 'UTC' ? SessionClock.utcDay() : SessionClock.zone(zone);
}

/** What a file's records are held against. */
export function scanChecks(plan: Assignment['plan'], settings: WorkerSettings): ScanChecks {
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
    onInvalid: plan.onInvalid,
    maxRecordBytes: settings.maxRecordBytes,
  };
}

/** The scanner of one file with its rejects and its reject budget. */
class FileScan {
  readonly scanner: Scanner;
  readonly symbols: SymbolTable;
  readonly rejects = new RejectLedger();
  readonly #plan: Assignment['plan'];
  #foldedDuplicates = 0;
  #foldedRejects = 0;

  constructor(task: Assignment, order: 'time' | 'symbol-time' | 'any') {
    const { plan, settings } = task;
    this.#plan = plan;
    this.symbols = new SymbolTable(plan.symbol, plan.wantSymbols);
    this.scanner = new Scanner(plan.shape, scanChecks(plan, settings), this.symbols, order);
  }

  get duplicates(): number {
    return this.scanner.counters.duplicates + this.#foldedDuplicates;
  }

  get rejected(): number {
    return this.scanner.counters.rejected + this.#foldedRejects;
  }

  /** Equal stamps found when the file was sorted. */
  foldedInSort({ duplicates, rejected, rejects }: SortOutcome): void {
    this.#foldedDuplicates += duplicates;
    this.#foldedRejects += rejected;
    this.rejects.add(rejects);
  }

  /** Equal stamps with other values, already written to `reject` by the merge. */
  conflictsInStage(count: number): void {
    this.#foldedRejects += count;
  }

  /** Throws once the absolute limit is passed. */
  checkBudget(): void {
    this.rejects.add(this.scanner.takeRejects());
    const { maxRejects } = this.#plan;
    if (maxRejects !== null && this.rejected > maxRejects) this.#overBudget(`at most ${maxRejects} rejects`);
  }

  /** Throws when the whole file has more rejects than its share, or nothing but rejects. */
  checkEnd(): void {
    this.checkBudget();
    const { maxRejectShare } = this.#plan;
    const read = this.scanner.counters.recordsRead;
    const rejected = this.rejected;
    if (rejected > 0 && rejected === read) this.#overBudget('at least one good record');
    if (maxRejectShare !== null && rejected > Math.max(SMALL_FILE_REJECTS, maxRejectShare * read))
      this.#overBudget(`at most ${maxRejectShare * 100} % of ${read} records rejected`);
  }

  #overBudget(expected: string): never {
    const first = this.rejects.list[0];
    throw new BackhaulError({
      kind: 'too-many-rejects',
      message: `too many bad records: ${this.rejected} of ${this.scanner.counters.recordsRead} read so far; nothing of the file was kept`,
      expected,
      found: first === undefined ? '' : `${first.reason} in "${first.record}"`,
      ...(first !== undefined && {
        where: {
          line: first.line,
          byteOffset: first.byteOffset,
          ...(first.field !== '' && { field: first.field }),
        },
      }),
      hint: 'look at the file; --max-rejects allows more, --on-invalid keep loads records that only break a rule',
    });
  }
}

/** A share of a handful of records says nothing: a file may always have this many. */
const SMALL_FILE_REJECTS = 10;
