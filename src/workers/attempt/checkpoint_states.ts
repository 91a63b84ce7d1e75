import type { BarColumns } from '../../bars/columns.ts';
import { nextCheckpoint } from '../../indicators/checkpoints.ts';
import { encodeState, type IndicatorEngine, STATE_LENGTH } from '../../indicators/engine.ts';
import type { StoredState } from '../../state/series/indicator_states.ts';

/** The states that series keep behind bars in the middle of a file, until they are written. */
export class Checkpoints {
  readonly #passing = new Float64Array(STATE_LENGTH);
  #states: StoredState[] = [];

  /** Checkpoints passed since they were last taken. */
  get count(): number {
    return this.#states.length;
  }

  /** Computes rows [from, to) of a series, and keeps the states behind its checkpoints. */
  run(
    engine: IndicatorEngine,
    cols: BarColumns,
    from: number,
    to: number,
    series: { readonly seriesId: number; readonly intervalUs: number },
  ): void {
    for (let row = from; row < to; ) {
      const last = nextCheckpoint(cols.ts, row, to, series.intervalUs);
      const end = Math.min(to, last + 1);
      engine.run(cols, row, end);
      row = end;
      if (last === to) break;
      engine.store(this.#passing, 0);
      this.#states.push({
        seriesId: series.seriesId,
        tsUs: cols.ts[last]!,
        state: encodeState(this.#passing, 0).slice(),
      });
    }
  }

  take(): readonly StoredState[] {
    const taken = this.#states;
    this.#states = [];
    return taken;
  }
}
