/** What holds a load back on this machine, in one sentence made of the figures. */

import type { Comparison, Series } from './result.ts';

/** A machine whose cores are busy for this share of the time has none to spare. */
const FULL = 0.88;
/** So close to the short floor a faster loader gains next to nothing. */
const AT_THE_FLOOR = 1.1;
/** The pipeline alone takes this share of the time of a load: the database hardly matters. */
const NO_WAITING = 0.85;

/** The figures the sentence is made of. */
export interface Evidence {
  readonly cores: number;
  /** ns of CPU a record of the stages before COPY. */
  readonly stages: Readonly<Record<string, number>>;
  readonly pipeline: readonly Series[];
  readonly shared: Comparison | null;
}

/** The load with the least time. */
function fastest(series: readonly Series[]): Series | null {
  return series.reduce<Series | null>(
    (best, one) => (best === null || one.seconds.median < best.seconds.median ? one : best),
    null,
  );
}

function largest(stages: Readonly<Record<string, number>>): string {
  const [first] = Object.entries(stages)
    .filter(([, ns]) => Number.isFinite(ns))
    .sort(([, a], [, b]) => b - a);
  return first === undefined ? 'nothing measured' : `${first[0]} (${Math.round(first[1])} ns a record)`;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const us = (value: number): string => `${value.toFixed(2)} µs`;

/** From here on it is worth saying that the machine did other things as well. */
const NOTABLE = 0.1;

/** The sentence. */
export function bottleneck(evidence: Evidence): string {
  const others = fastest(evidence.shared?.loads ?? evidence.pipeline)?.others ?? 0;
  const aside =
    others < NOTABLE ? '' : ` (Other programs took ${percent(others)} of the cores: this holds with them.)`;
  return `${limit(evidence)}${aside}`;
}

function limit({ cores, stages, pipeline, shared }: Evidence): string {
  const alone = fastest(pipeline);
  if (shared === null) {
    return `Without a database ${largest(stages)} takes most of the loader's CPU.`;
  }
  const load = fastest(shared.loads);
  if (load === null) return 'No load was run.';
  // What the server can do is what it does for the short floor: a load uses the same COPYs.
  const { shortFloor: floor } = shared;
  const over = load.overShortFloor!.median;
  const ours = load.cpuUsPerRecord;
  const theirs = load.serverCpuUsPerRecord;
  if (over <= AT_THE_FLOOR) {
    return `PostgreSQL is the limit: it takes the same rows ready-made in ${percent(1 / over)} of the time of the whole load.`;
  }
  // Where the cores are no busier when rows come ready-made, what is waited for then is the server's own.
  const asFloor = load.busy < FULL && load.busy >= floor.busy;
  if ((load.busy >= FULL || asFloor) && theirs !== null) {
    const share = theirs / (ours + theirs);
    const split = `PostgreSQL uses ${us(theirs)} a record and the loader ${us(ours)}, most of it for ${largest(stages)}`;
    const state = asFloor
      ? `${cores} cores are busy for ${percent(load.busy)} of the time, for the short floor's it is ${percent(floor.busy)}`
      : `all ${cores} cores are busy`;
    return share >= 0.5
      ? `PostgreSQL is the limit: ${state}, and ${percent(share)} of a load's CPU is the server's (${split}).`
      : `The loader's CPU is the limit: ${state}, and ${percent(1 - share)} of a load's CPU is the loader's (${split}).`;
  }
  if (load.busy >= FULL) {
    return `CPU is the limit: all ${cores} cores are busy, the loader with ${us(ours)} a record, most of it for ${largest(stages)}.`;
  }
  if (alone !== null && alone.seconds.median >= NO_WAITING * load.seconds.median) {
    return `The loader is the limit: without a database it takes ${percent(alone.seconds.median / load.seconds.median)} of the time, most of its CPU for ${largest(stages)}.`;
  }
  return `Waiting is the limit: cores are busy for ${percent(load.busy)} of the time only, and the load takes ${over.toFixed(2)} times as long as its rows ready-made: look at the disk and at locks of the server.`;
}
