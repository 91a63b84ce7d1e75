import type { ClaimedTask } from '../state/tasks/claim.ts';
import type { DispatchEvents } from './dispatcher.ts';
import type { MeterTotals } from './scaling/autoscaler.ts';

const NOTHING: MeterTotals = { records: 0, waits: { source: 0, lane: 0, copy: 0 } };

function sum(a: MeterTotals, b: MeterTotals): MeterTotals {
  return {
    records: a.records + b.records,
    waits: {
      source: a.waits.source + b.waits.source,
      lane: a.waits.lane + b.waits.lane,
      copy: a.waits.copy + b.waits.copy,
    },
  };
}

/** Listens to a run's tasks and adds up what they have read and how long they have waited. */
export class LoadMeter {
  #done = NOTHING;
  readonly #underway = new Map<number, MeterTotals>();

  get totals(): MeterTotals {
    let all = this.#done;
    for (const one of this.#underway.values()) all = sum(all, one);
    return all;
  }

  /** `events` that this meter hears as well. */
  listening(events: DispatchEvents): DispatchEvents {
    const left = (task: ClaimedTask): void => {
      this.#done = sum(this.#done, this.#underway.get(task.taskId) ?? NOTHING);
      this.#underway.delete(task.taskId);
    };
    return {
      ...events,
      progress: (task, bytes, records, waits) => {
        this.#underway.set(task.taskId, { records, waits });
        events.progress(task, bytes, records, waits);
      },
      loaded: (task, result, seconds) => {
        this.#underway.set(task.taskId, { records: result.rows.read, waits: result.waits });
        left(task);
        events.loaded(task, result, seconds);
      },
      retried: (task, fault, seconds) => {
        left(task);
        events.retried(task, fault, seconds);
      },
      failed: (task, fault, seconds) => {
        left(task);
        events.failed(task, fault, seconds);
      },
      released: (task, fault, seconds) => {
        left(task);
        events.released(task, fault, seconds);
      },
    };
  }
}
