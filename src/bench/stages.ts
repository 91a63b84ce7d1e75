/** The stages of the pipeline apart, each on one core, on the first of the day files. */

import type { BarColumns } from '../bars/columns.ts';
import { BarEncoder } from '../copy/bar_encoder.ts';
import { MAX_ROW_BYTES } from '../copy/wire.ts';
import { IndicatorEngine, STATE_LENGTH } from '../indicators/engine.ts';
import { SessionClock } from '../indicators/session_clock.ts';
import type { LoadOptions } from '../load/load_events.ts';
import { settingsOf } from '../load/worker_settings.ts';
import { openBytes } from '../producer/archive/entry_stream.ts';
import { openObject } from '../producer/open_source.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import { carryLast, Scanner } from '../scan/scanner.ts';
import { SymbolTable } from '../scan/symbol_table.ts';
import { scanChecks } from '../workers/attempt/file_scan.ts';
import { SeriesStates } from '../workers/attempt/series_states.ts';
import { workerMemory } from '../workers/attempt/worker_memory.ts';
import type { WorkerLink } from '../workers/link/worker_link.ts';

/** Stages a row passes in a worker, in their order. */
const WORKER_STAGES = ['inflate', 'scan', 'indicators', 'encode'] as const;
export type WorkerStage = (typeof WORKER_STAGES)[number];

/** Nanoseconds of CPU a record, by stage. */
export type StageTimes = Readonly<Record<WorkerStage, number>>;

/** One pass over a file. */
export interface StagePass {
  readonly records: number;
  readonly nsPerRecord: StageTimes;
}

/** Inflated bytes held for the stages behind inflation. */
const MOST_BYTES = 512 << 20;

/** A file inflated in memory, and how to scan it. */
export interface InflatedFile {
  readonly task: PlannedTask;
  readonly pieces: readonly Uint8Array[];
  readonly cpuSeconds: number;
}

function cpuSeconds(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
}

/** Inflates a file as a worker does; CPU of all threads that take part. Null: it is too large to be held. */
export async function inflate(
  task: PlannedTask,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<InflatedFile | null> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // A piece holds until the next one is asked for: what is kept is a copy, and the pass that copies is not timed.
  for await (const piece of opened(task, options, signal)) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) return null;
    pieces.push(new Uint8Array(piece));
  }
  const cpu = process.cpuUsage();
  let again = 0;
  for await (const piece of opened(task, options, signal)) again += piece.length;
  if (again !== bytes) throw new RangeError(`${task.uri} inflates to ${bytes} bytes, then to ${again}`);
  return { task, pieces, cpuSeconds: cpuSeconds(cpu) };
}

async function* opened(
  { uri, sizeBytes, etag, plan, entry }: PlannedTask,
  options: LoadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = await openObject(uri, sizeBytes, etag, options.sourceOptions);
  try {
    yield* openBytes(reader, plan.storage, signal, { entry, sha256: plan.sha256 });
  } finally {
    await reader.close();
  }
}

/** CPU so far, ms: unlike a clock, it does not count the time in which others had the core. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** CPU ms of the stages so far. */
interface Clock {
  scan: number;
  indicators: number;
  encode: number;
}

/** Scans, computes and encodes an inflated file in this thread; each stage is metered a batch at a time. */
export async function passThrough(file: InflatedFile, options: LoadOptions): Promise<StagePass> {
  const { plan } = file.task;
  const settings = settingsOf(options, false);
  const memory = workerMemory(settings.batchRows, settings.copyBytes);
  const symbols = new SymbolTable(plan.symbol, plan.wantSymbols, plan.aliases);
  const scanner = new Scanner(plan.shape, scanChecks(plan, settings), symbols, plan.order);
  const encoder = new BarEncoder(settings.indicators, memory.kernel);
  const series = new SeriesStates(new LoneLink() as unknown as WorkerLink, symbols, plan, true, null);
  const engine = new IndicatorEngine(SessionClock.zone(plan.sessionZone), memory.kernel);
  const clock: Clock = { scan: 0, indicators: 0, encode: 0 };
  const behind = async (cols: BarColumns, rows: number): Promise<void> => {
    const computing = cpuMs();
    await series.compute(engine, cols, rows);
    const encoding = cpuMs();
    const buffer = memory.buffers[0]!;
    const room = Math.floor(buffer.length / MAX_ROW_BYTES);
    for (let row = 0; row < rows; row += room)
      encoder.encode(cols, series.ids, row, Math.min(rows, row + room), null, buffer, 0);
    clock.indicators += encoding - computing;
    clock.encode += cpuMs() - encoding;
  };
  let [out, other] = memory.columns as [BarColumns, BarColumns];
  out.length = 0;
  const hand = async (): Promise<void> => {
    const rows = out.length - 1;
    other.length = 0;
    carryLast(out, other);
    await behind(out, rows);
    [out, other] = [other, out];
  };
  for (const piece of file.pieces) {
    for (let at = 0; at < piece.length; ) {
      const scanning = cpuMs();
      at += scanner.push(piece, at, piece.length, out);
      clock.scan += cpuMs() - scanning;
      if (out.length === out.capacity) await hand();
    }
  }
  while (!scanner.finish(out)) await hand();
  await behind(out, out.length);
  const { rows: records } = series;
  const ns = (ms: number): number => (ms * 1e6) / records;
  return {
    records,
    nsPerRecord: {
      inflate: ns(file.cpuSeconds * 1000),
      scan: ns(clock.scan),
      indicators: ns(clock.indicators),
      encode: ns(clock.encode),
    },
  };
}

/** Answers a file's questions as if it were the first of its lane and the only one. */
class LoneLink {
  async ask(
    question:
      | { readonly kind: 'series'; readonly symbols: readonly string[] }
      | { readonly kind: 'states'; readonly into: Float64Array },
  ): Promise<Int32Array | null> {
    if (question.kind === 'series') return Int32Array.from(question.symbols, (_, i) => i + 1);
    for (let at = 0; at < question.into.length; at += STATE_LENGTH) question.into[at] = Number.NaN;
    return null;
  }

  tell(): void {}
}
