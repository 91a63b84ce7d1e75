/**
 * How many tasks run at once, decided from what was measured: a controller without clock, threads or system calls.
 *
 * It starts with a worker a core, which is right whenever the CPU is the limit, and stays there while the CPU is busy.
 * Where workers wait while the CPU idles, more of them are tried, as many as their waiting makes room for, and kept
 * only if the throughput climbs; what did not help is not tried again soon. Where others want the CPU as well, room is
 * left for them; where memory runs short, workers go.
 */

/** What was measured over one stretch of time, a second or so. */
export interface ScalingSample {
  readonly seconds: number;
  /** Records read by all workers. */
  readonly records: number;
  /** Tasks at work at its end. */
  readonly running: number;
  /** Mean share of the time a worker's event loop was busy, 0 … 1. */
  readonly utilisation: number;
  /** Seconds all workers together waited for bytes, for COPY, for predecessors in their lane. */
  readonly waits: { readonly source: number; readonly copy: number; readonly lane: number };
  /** CPU we may use. */
  readonly cores: number;
  /** CPU in use, in cores: by everybody, by this program, by the database server. Null: cannot be known. */
  readonly busy: number | null;
  readonly own: number;
  readonly server: number | null;
  /** Share of the time somebody had to wait for a CPU, 0 … 1; null: unknown. */
  readonly pressure: number | null;
  /** Share of the memory limit in use, 0 … 1. */
  readonly memory: number;
}

export interface ScalingBounds {
  readonly start: number;
  /** What memory, connections and the pool allow. */
  readonly ceiling: number;
  /** Share of the CPU that may be busy where others want it, 0 … 1. */
  readonly cpuTarget: number;
}

export interface ScalingDecision {
  readonly workers: number;
  readonly reason: string;
}

/** Never more of the memory limit than this; workers come back below {@link MEMORY_EASY}. */
export const MEMORY_LIMIT = 0.85;
const MEMORY_EASY = 0.75;
/** Less than this waiting is no reason for more workers. */
const WAITING = 0.35;
/** A CPU this busy has no room for more: the threads of a trial alone take seconds of it. */
const FULL = 0.9;
/** Nor has one this busy where workers wait for a server on it: what more of them could gain is less than they cost. */
const FULL_WITH_SERVER = 0.85;
/** A trial has to gain this to be kept. */
const GAIN = 0.05;
/** Fewer workers are kept as long as no more than this is lost. */
const LOSS = 0.02;
/** From this number on, fewer are tried as well: below, one less is too large a step to try. */
const MANY = 12;
/** Who waits this much for the source beside a CPU this idle needs no second look. */
const CLEARLY = { waiting: 0.7, used: 0.75 };
/** Samples a number of workers needs to show what it does: the first is that of the change itself. */
const SETTLING = 1;
const MEASURING = 2;
/** Seconds of CPU a thread takes to start: until then more of them are slower. */
const STARTING_S = 0.5;
/** Seconds until what did not help is tried again; doubles with each failure. */
const PATIENCE = { first: 20, most: 320 };
/** Others who use less than this share of the CPU are the system's own noise. */
const OTHERS = 0.05;
/** Share of the time somebody waits for a CPU from which on others want more of it. */
const PRESSURE = 0.1;
/** Samples others have to be seen in. */
const OTHERS_SAMPLES = 3;

/** A file from afar of no more than this is waited for about as long as it is worked on: some 50 ms each. */
const SMALL_BYTES = 1e6;
/** Workers a core to begin with where all files are such: two were best on a slow host, four on a fast one. */
const FOR_SMALL_FILES = 3;

/** What a run is about to load. */
export interface Files {
  readonly isRemote: boolean;
  readonly meanBytes: number;
}

interface Trial {
  readonly from: number;
  readonly rate: number;
  readonly why: string;
}

export class Scaling {
  readonly #bounds: ScalingBounds;
  /** What it is now, and what it would be if nobody else wanted the machine. */
  #workers: number;
  #wanted: number;
  #trial: Trial | null = null;
  #now = 0;
  #settling = SETTLING + 1;
  /** When the threads of the last change have started. */
  #startedBy = 0;
  /** Since the last change. */
  #measured = { samples: 0, seconds: 0, records: 0 };
  #patience: number = PATIENCE.first;
  #notBefore = 0;
  #others: number[] = [];
  #isShort = false;

  constructor(bounds: ScalingBounds) {
    this.#bounds = bounds;
    this.#workers = Math.max(1, Math.min(bounds.start, bounds.ceiling));
    this.#wanted = this.#workers;
  }

  get workers(): number {
    return this.#workers;
  }

  /** What is known of the files before anything is measured; what to change, or null. */
  begin({ isRemote, meanBytes }: Files, cores: number): ScalingDecision | null {
    const workers = Math.min(this.#bounds.ceiling, Math.floor(FOR_SMALL_FILES * cores));
    if (!isRemote || meanBytes > SMALL_BYTES || workers <= this.#workers) return null;
    this.#workers = workers;
    this.#wanted = workers;
    return { workers, reason: 'small files from afar are waited for as long as they are worked on' };
  }

  /** Takes a sample in; what to change, or null. */
  observe(sample: ScalingSample): ScalingDecision | null {
    this.#now += sample.seconds;
    const decision = this.#memory(sample) ?? this.#neighbours(sample) ?? this.#throughput(sample);
    if (decision === null) return null;
    const started = Math.max(0, decision.workers - this.#workers);
    this.#workers = decision.workers;
    this.#settling = SETTLING;
    this.#startedBy = this.#now + (started * STARTING_S) / sample.cores;
    this.#measured = { samples: 0, seconds: 0, records: 0 };
    return decision;
  }

  #memory({ memory }: ScalingSample): ScalingDecision | null {
    if (memory < MEMORY_EASY) this.#isShort = false;
    if (memory < MEMORY_LIMIT) return null;
    this.#isShort = true;
    this.#trial = null;
    if (this.#workers === 1) return null;
    this.#wanted = this.#workers - 1;
    return { workers: this.#wanted, reason: `${percent(memory)} of the memory limit is in use` };
  }

  /** Leaves others their room, and takes it back when they have gone. */
  #neighbours(sample: ScalingSample): ScalingDecision | null {
    const { busy, own, server, cores, pressure } = sample;
    if (busy === null || server === null) return null;
    this.#others.push(Math.max(0, busy - own - server));
    if (this.#others.length > OTHERS_SAMPLES) this.#others.shift();
    if (this.#others.length < OTHERS_SAMPLES || sample.running < this.#workers || this.#settling > 0)
      return null;
    const others = this.#othersUse();
    const share = (own + server) / sample.running;
    if (share <= 0) return null;
    // Half a worker more than fits rather than one less: on a small machine one less is a lot.
    const fitting = Math.max(1, Math.ceil((this.#room(cores) - others) / share - 0.25));
    const isTight = busy > this.#bounds.cpuTarget * cores || (pressure ?? 1) > PRESSURE;
    if (others > OTHERS * cores && fitting < this.#workers && isTight) {
      this.#trial = null;
      return {
        workers: fitting,
        reason: `others use ${others.toFixed(1)} of ${cores} cores: leaving them room`,
      };
    }
    const back = Math.min(this.#wanted, others > OTHERS * cores ? fitting : this.#wanted);
    if (back > this.#workers && !this.#isShort) {
      return { workers: back, reason: `others use ${others.toFixed(1)} of ${cores} cores now` };
    }
    return null;
  }

  /** Cores others use all the time: who is gone in the next second needs no room. */
  #othersUse(): number {
    return this.#others.length < OTHERS_SAMPLES ? 0 : Math.min(...this.#others);
  }

  /** Cores that may be busy: all, unless others want them too. */
  #room(cores: number): number {
    return this.#othersUse() > OTHERS * cores ? this.#bounds.cpuTarget * cores : cores;
  }

  #throughput(sample: ScalingSample): ScalingDecision | null {
    // With too few tasks, or with more than wanted still at work, the number of workers says nothing.
    if (sample.running !== this.#workers) {
      if (sample.running < this.#workers) this.#trial = null;
      this.#measured = { samples: 0, seconds: 0, records: 0 };
      return null;
    }
    const isClear = this.#trial === null && clearlyWaitsForSource(sample);
    if (this.#settling > 0) {
      this.#settling--;
      if (this.#settling > 0 || !isClear) return null;
    }
    const { samples, seconds, records } = this.#measured;
    this.#measured = {
      samples: samples + 1,
      seconds: seconds + sample.seconds,
      records: records + sample.records,
    };
    if (this.#measured.samples < MEASURING && !isClear) return null;
    const rate = this.#measured.records / this.#measured.seconds;
    const trial = this.#trial;
    if (trial !== null) {
      // What is measured while threads start speaks for more of them, never against.
      if (rate < (1 + GAIN) * trial.rate && this.#now - this.#measured.seconds < this.#startedBy) {
        this.#measured = { samples: 0, seconds: 0, records: 0 };
        return null;
      }
      this.#trial = null;
      const back = this.#judged(trial, rate);
      if (back !== null) return back;
    }
    if (this.#workers < this.#wanted || this.#now < this.#notBefore) {
      this.#forget();
      return null;
    }
    const next = this.#more(sample) ?? this.#fewer(sample);
    if (next === null) {
      this.#forget();
      return null;
    }
    this.#trial = { from: this.#workers, rate, why: next.reason };
    this.#wanted = next.workers;
    return next;
  }

  /** What is measured is that of the last samples, not of the whole time. */
  #forget(): void {
    const { seconds, records } = this.#measured;
    this.#measured = { samples: 1, seconds: seconds / 2, records: records / 2 };
  }

  /** Back where a trial came from, if it did not help. */
  #judged(trial: Trial, rate: number): ScalingDecision | null {
    const gain = trial.rate > 0 ? rate / trial.rate - 1 : 1;
    const isMore = this.#workers > trial.from;
    if (isMore ? gain >= GAIN : gain >= -LOSS) {
      this.#patience = PATIENCE.first;
      return null;
    }
    this.#notBefore = this.#now + this.#patience;
    this.#patience = Math.min(PATIENCE.most, 2 * this.#patience);
    this.#wanted = trial.from;
    const told = gain < 0 ? `lost ${percent(-gain)}` : `gained ${percent(gain)} only`;
    return { workers: trial.from, reason: `${this.#workers} workers ${told}` };
  }

  #more(sample: ScalingSample): ScalingDecision | null {
    const { waits, utilisation, cores, own, server, running } = sample;
    const { ceiling } = this.#bounds;
    const room = this.#room(cores);
    const waiting = 1 - utilisation;
    const used = sample.busy ?? own + (server ?? 0);
    if (this.#isShort || waiting < WAITING || this.#workers >= ceiling) return null;
    const longest = Math.max(waits.source, waits.copy, waits.lane);
    // Who waits for a predecessor is not helped by company.
    if (longest === waits.lane) return null;
    const forSource = longest === waits.source;
    const isBesideServer = !forSource && (server ?? 0) > 0;
    if (used >= (isBesideServer ? FULL_WITH_SERVER : FULL) * room) return null;
    // As many as would keep the CPU busy, by what one of them uses now; where only the server could say, a few.
    const each = (own + (server ?? 0)) / running;
    const fitting = each > 0 ? Math.ceil((room - (used - own - (server ?? 0))) / each) : ceiling;
    // In a CPU mostly idle, what one uses now is largely what starting it has cost.
    const most = used < CLEARLY.used * room ? 2 * fitting : fitting;
    const step = forSource
      ? Math.min(Math.ceil(this.#workers / utilisation), most)
      : Math.min(Math.ceil(1.25 * this.#workers), fitting);
    const workers = Math.min(ceiling, 4 * this.#workers, Math.max(this.#workers + 1, step));
    return {
      workers,
      reason: `workers wait ${percent(waiting)} of the time, most for ${forSource ? 'the source' : 'PostgreSQL'}, and the CPU has room`,
    };
  }

  /** A crowd in front of a busy server may be as fast when it is smaller. */
  #fewer(sample: ScalingSample): ScalingDecision | null {
    const { waits, utilisation } = sample;
    const forServer = waits.copy > waits.source && waits.copy > waits.lane;
    if (this.#workers < MANY || !forServer || 1 - utilisation < WAITING) return null;
    const workers = this.#workers - Math.floor(this.#workers / 8);
    return {
      workers,
      reason: `workers wait ${percent(1 - utilisation)} of the time for PostgreSQL: fewer may do`,
    };
  }
}

function clearlyWaitsForSource({ waits, utilisation, busy, own, server, cores }: ScalingSample): boolean {
  const used = busy ?? own + (server ?? 0);
  const forSource = waits.source > waits.copy && waits.source > waits.lane;
  return forSource && 1 - utilisation > CLEARLY.waiting && used < CLEARLY.used * cores;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
