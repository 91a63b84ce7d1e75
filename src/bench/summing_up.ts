/** From the runs of all rounds to the figures of the result. */

import type { Comparison, RunEvent, Series, StageEvent, Workers } from './result.ts';
import { type Figure, figureOf, median } from './statistics.ts';

function medianOf(runs: readonly RunEvent[], of: (run: RunEvent) => number | null): number | null {
  const values = runs.map(of).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
}

/** The runs of the floors, to be compared with by round; null: not with this one. */
interface Floors {
  readonly floor: readonly RunEvent[] | null;
  readonly short: readonly RunEvent[] | null;
  readonly plain?: readonly RunEvent[];
}

const NONE: Floors = { floor: null, short: null };

/** Runs of one kind and one number of workers. */
function seriesOf(runs: readonly RunEvent[], floors: Floors): Series {
  const { workers } = runs[0]!;
  const us = (seconds: number | null, records: number): number | null =>
    seconds === null ? null : (seconds * 1e6) / records;
  const rss = runs.map((run) => run.peakRssBytes).filter((bytes) => bytes !== null);
  return {
    workers,
    seconds: figureOf(runs.map((run) => run.seconds)),
    recordsPerSecond: figureOf(runs.map((run) => run.records / run.seconds)),
    cpuUsPerRecord: medianOf(runs, (run) => us(run.cpuSeconds, run.records))!,
    serverCpuUsPerRecord: medianOf(runs, (run) => us(run.serverCpuSeconds, run.records)),
    busy: medianOf(runs, (run) => run.busy)!,
    others: medianOf(runs, (run) => run.others),
    startupSeconds: medianOf(runs, (run) => run.startupSeconds),
    keySeconds: medianOf(runs, (run) => run.keySeconds),
    peakWorkers: medianOf(runs, (run) => run.peakWorkers),
    peakRssBytes: rss.length === 0 ? null : Math.max(...rss),
    overFloor: over(runs, floors.floor),
    overShortFloor: over(runs, floors.short),
    overPlain: over(runs, floors.plain ?? null),
  };
}

/** Drift of the machine hits a load and the floor of the same round alike: each is held against its own. */
function over(runs: readonly RunEvent[], floor: readonly RunEvent[] | null): Figure | null {
  if (floor === null) return null;
  return figureOf(runs.map((run) => run.seconds / floor.find(({ round }) => round === run.round)!.seconds));
}

/** Groups of runs by number of workers, in the order in which they first came up. */
function byWorkers(runs: readonly RunEvent[], order: readonly Workers[]): RunEvent[][] {
  return order
    .map((workers) => runs.filter((run) => run.workers === workers))
    .filter((group) => group.length > 0);
}

/** The pipeline's runs. */
export function pipelineOf(runs: readonly RunEvent[], order: readonly Workers[]): Series[] {
  const mine = runs.filter((run) => run.what === 'pipeline');
  return byWorkers(mine, order).map((group) => seriesOf(group, NONE));
}

/** Loads and floor, pinned or not; null where there were none. */
export function comparisonOf(
  runs: readonly RunEvent[],
  order: readonly Workers[],
  pinned: boolean,
): Comparison | null {
  const mine = runs.filter((run) => run.pinned === pinned);
  const floor = mine.filter((run) => run.what === 'floor');
  const short = mine.filter((run) => run.what === 'short_floor');
  if (floor.length === 0) return null;
  const loads = mine.filter((run) => run.what === 'load');
  return {
    floor: seriesOf(floor, NONE),
    shortFloor: seriesOf(short, { floor, short: null }),
    loads: byWorkers(loads, order).map((group) => seriesOf(group, { floor, short })),
  };
}

/** Loads into distributed tables, each number of workers held against its own in a plain database. */
export function distributedOf(runs: readonly RunEvent[], order: readonly Workers[]): Series[] {
  const mine = runs.filter((run) => run.what === 'distributed_load');
  return byWorkers(mine, order).map((group) => {
    const { workers } = group[0]!;
    const plain = runs.filter((run) => run.what === 'load' && !run.pinned && run.workers === workers);
    return seriesOf(group, { ...NONE, plain });
  });
}

/** What other programs took, at the worst of all kinds of runs. */
export function othersOf(all: readonly (Comparison | readonly Series[] | null)[]): number | null {
  const series = all.flatMap((one) =>
    one === null ? [] : 'floor' in one ? [one.floor, one.shortFloor, ...one.loads] : [...one],
  );
  const shares = series.map(({ others }) => others).filter((share) => share !== null);
  return shares.length === 0 ? null : Math.max(...shares);
}

/** Medians of the stages. */
export function stageFigures(passes: readonly StageEvent[]): Record<string, Figure> {
  const names = ['inflate', 'scan', 'indicators', 'encode', 'copy'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const values = passes.map((pass) => pass.nsPerRecord[name]).filter((ns) => ns !== null);
      return values.length === 0 ? [] : [[name, figureOf(values)]];
    }),
  );
}
