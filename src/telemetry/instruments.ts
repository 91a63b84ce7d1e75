/**
 * What is measured, by name: OpenTelemetry's conventions for names and UCUM's for units. Attributes take few values,
 * whatever is loaded: no file, no symbol, no series. docs/telemetry.md lists them; `deploy/` uses them.
 */

import type {
  Attributes,
  Counter,
  Histogram,
  Meter,
  MetricAdvice,
  ObservableResult,
} from '@opentelemetry/api';
import type { CpuUse } from '../load/load_events.ts';

/** Seconds, from a file of a few records to a night. */
const SECONDS: MetricAdvice = {
  explicitBucketBoundaries: [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14_400,
  ],
};

type Observe = (see: (value: number, attributes?: Attributes) => void) => void;

function observing(observe: Observe): (result: ObservableResult) => void {
  return (result) => observe((value, attributes) => result.observe(value, attributes));
}

/** A sum that only climbs, asked for when it is sent. */
function climbs(meter: Meter, name: string, unit: string, description: string, observe: Observe): void {
  // A count of what is under way falls where an attempt begins again; what was sent stays said.
  const highest = new Map<string, number>();
  meter.createObservableCounter(name, { unit, description }).addCallback(
    observing((see) =>
      observe((value, attributes) => {
        const key = JSON.stringify(attributes ?? null);
        const most = Math.max(value, highest.get(key) ?? 0);
        highest.set(key, most);
        see(most, attributes);
      }),
    ),
  );
}

function stands(meter: Meter, name: string, unit: string, description: string, observe: Observe): void {
  meter.createObservableUpDownCounter(name, { unit, description }).addCallback(observing(observe));
}

function gauges(meter: Meter, name: string, unit: string, description: string, observe: Observe): void {
  meter.createObservableGauge(name, { unit, description }).addCallback(observing(observe));
}

function takes(meter: Meter, name: string, description: string): Histogram {
  return meter.createHistogram(name, { unit: 's', description, advice: SECONDS });
}

/** Of every command that is measured. */
export interface RunInstruments {
  readonly runs: Counter;
  readonly duration: Histogram;
  /** Sets when a run ended, for whoever asks how long ago the last good one was. */
  ended(attributes: Attributes): void;
}

export function runInstruments(meter: Meter): RunInstruments {
  climbs(meter, 'process.cpu.time', 's', 'CPU of the program, its threads included', (see) => {
    const { user, system } = process.cpuUsage();
    see(user / 1e6, { 'cpu.mode': 'user' });
    see(system / 1e6, { 'cpu.mode': 'system' });
  });
  stands(meter, 'process.memory.usage', 'By', 'Memory the program has in use (resident)', (see) =>
    see(process.memoryUsage.rss()),
  );
  const end = meter.createGauge('backhaul.run.end', {
    unit: 's',
    description: 'When a run ended, Unix time, by how it did',
  });
  return {
    runs: meter.createCounter('backhaul.runs', { unit: '{run}', description: 'Runs that ended' }),
    duration: takes(meter, 'backhaul.run.duration', 'How long runs took'),
    ended: (attributes) => end.record(Date.now() / 1000, attributes),
  };
}

/** What a load is at, as its events say. */
export interface LoadStanding {
  readonly tasks: Readonly<Record<'pending' | 'running' | 'loaded' | 'failed' | 'unchanged', number>>;
  readonly workers: Readonly<Record<'active' | 'wanted', number>>;
  readonly records: number;
  readonly bytes: Readonly<Record<'stored' | 'inflated', number>>;
  readonly waits: Readonly<Record<'source' | 'lane' | 'database', number>>;
  /** Cores in use; null before they were looked at. */
  readonly cpu: CpuUse | null;
}

export interface LoadInstruments {
  readonly rows: Counter;
  readonly attempts: Counter;
  readonly attemptDuration: Histogram;
  readonly attemptPhase: Histogram;
  readonly runPhase: Histogram;
}

export function loadInstruments(meter: Meter, standing: () => LoadStanding): LoadInstruments {
  const each =
    (of: (now: LoadStanding) => Readonly<Record<string, number>>, attribute: string): Observe =>
    (see) => {
      for (const [value, number] of Object.entries(of(standing()))) see(number, { [attribute]: value });
    };
  stands(
    meter,
    'backhaul.tasks',
    '{task}',
    'Tasks of the run, by state',
    each(({ tasks }) => tasks, 'backhaul.task.state'),
  );
  stands(
    meter,
    'backhaul.workers',
    '{worker}',
    'Workers at work, and how many there are to be',
    each(({ workers }) => workers, 'backhaul.worker.state'),
  );
  climbs(meter, 'backhaul.records.read', '{record}', 'Records read, of tasks under way too', (see) =>
    see(standing().records),
  );
  climbs(
    meter,
    'backhaul.read.io',
    'By',
    'Bytes read, as they are stored and inflated',
    each(({ bytes }) => bytes, 'backhaul.read.form'),
  );
  climbs(
    meter,
    'backhaul.wait.time',
    's',
    'Time workers waited, by what for',
    each(({ waits }) => waits, 'backhaul.wait.for'),
  );
  gauges(meter, 'backhaul.cpu.usage', '{core}', 'Cores in use by the loader, its server, the host', (see) => {
    const { cpu } = standing();
    for (const user of ['loader', 'server', 'host'] as const) {
      const used = cpu?.[user] ?? null;
      if (used !== null) see(used, { 'backhaul.cpu.of': user });
    }
  });
  gauges(meter, 'backhaul.cpu.limit', '{core}', 'Cores the load may use', (see) => {
    const { cpu } = standing();
    if (cpu !== null) see(cpu.cores);
  });
  return {
    rows: meter.createCounter('backhaul.rows', {
      unit: '{row}',
      description: 'Records of loaded tasks, by what became of them',
    }),
    attempts: meter.createCounter('backhaul.attempts', {
      unit: '{attempt}',
      description: 'Attempts at tasks, by how they ended and of what fault',
    }),
    attemptDuration: takes(meter, 'backhaul.attempt.duration', 'How long attempts took'),
    attemptPhase: takes(
      meter,
      'backhaul.attempt.phase.duration',
      'Of a loaded task: waiting for the source, its lane and the database, and work',
    ),
    runPhase: takes(meter, 'backhaul.run.phase.duration', 'Discovery, loading, and giving partitions keys'),
  };
}

export interface FillInstruments {
  readonly gaps: Counter;
  readonly candles: Counter;
  readonly requests: Histogram;
}

export function fillInstruments(meter: Meter): FillInstruments {
  return {
    gaps: meter.createCounter('backhaul.gaps', {
      unit: '{gap}',
      description: 'Gaps a fill was at, by what became of them',
    }),
    candles: meter.createCounter('backhaul.gap.candles', {
      unit: '{candle}',
      description: 'Bars that were missing and are not',
    }),
    requests: takes(meter, 'http.client.request.duration', 'Requests to an exchange'),
  };
}

export function stepDuration(meter: Meter): Histogram {
  return takes(meter, 'backhaul.backfill.step.duration', 'Steps of a job, by name and how they ended');
}
