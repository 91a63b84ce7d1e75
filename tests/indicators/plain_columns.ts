/** The engine over bars that lie anywhere: they are taken into a kernel's memory and back. */
import type { BarColumns } from '../../src/bars/columns.ts';
import { RowKernel } from '../../src/bars/row_kernel.ts';
import {
  IndicatorEngine,
  NO_SPLITS,
  type SessionClock,
  type Splits,
  STATE_LENGTH,
} from '../../src/indicators/engine.ts';

const ROWS = 4096;
const kernel = new RowKernel(1, ROWS, 0, 0);
const inKernel = kernel.columns(ROWS);

/** As many as one likes at the same time: each has its own state. */
export class PlainColumnsEngine {
  readonly #clock: SessionClock;
  readonly #state = new Float64Array(STATE_LENGTH);
  splits: Splits = NO_SPLITS;

  constructor(clock: SessionClock) {
    this.#clock = clock;
    this.reset();
  }

  get lastTs(): number {
    return this.#engine().lastTs;
  }

  reset(): void {
    new IndicatorEngine(this.#clock, kernel).store(this.#state, 0);
  }

  load(state: Float64Array, at: number): void {
    const engine = new IndicatorEngine(this.#clock, kernel);
    engine.load(state, at);
    engine.store(this.#state, 0);
  }

  store(state: Float64Array, at: number): void {
    state.set(this.#state, at);
  }

  run(cols: BarColumns, from: number, to: number): void {
    const engine = this.#engine();
    for (let start = from; start < to; start += ROWS) {
      const end = Math.min(to, start + ROWS);
      inKernel.length = 0;
      inKernel.append(cols, start, end);
      engine.run(inKernel, 0, end - start);
      for (const [k, out] of cols.indicators.entries())
        out.set(inKernel.indicators[k]!.subarray(0, end - start), start);
    }
    engine.store(this.#state, 0);
  }

  #engine(): IndicatorEngine {
    const engine = new IndicatorEngine(this.#clock, kernel);
    engine.load(this.#state, 0);
    engine.splits = this.splits;
    return engine;
  }
}
