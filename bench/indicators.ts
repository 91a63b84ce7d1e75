/**
 * Nanoseconds a bar for all 16 indicators, and for swapping a series' state.
 *
 *   node bench/indicators.ts
 */
import type { BarColumns } from '../src/bars/columns.ts';
import { RowKernel } from '../src/bars/row_kernel.ts';
import { IndicatorEngine, SessionClock, STATE_LENGTH } from '../src/indicators/engine.ts';

const ROWS = 65_536;
const MINUTE_US = 60_000_000;

function randomWalk(cols: BarColumns): BarColumns {
  const rows = cols.capacity;
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  let price = 100;
  for (let i = 0; i < rows; i++) {
    cols.ts[i] = i * MINUTE_US;
    const open = price;
    price *= 1 + (random() - 0.5) / 100;
    cols.open[i] = open;
    cols.close[i] = price;
    cols.high[i] = Math.max(open, price) * (1 + random() / 1000);
    cols.low[i] = Math.min(open, price) * (1 - random() / 1000);
    cols.volume[i] = random() * 1000;
    cols.trades[i] = Math.floor(random() * 100);
  }
  cols.length = rows;
  return cols;
}

/** Best of several rounds, ns per unit. */
function best(units: number, round: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const start = process.hrtime.bigint();
    round();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / units);
  }
  return least;
}

const SERIES = 10_000;
const BARS = 150;

function measure(cols: BarColumns, kernel: RowKernel): void {
  const engine = new IndicatorEngine(SessionClock.utcDay(), kernel);
  const long = best(ROWS * 4, () => {
    for (let k = 0; k < 4; k++) engine.run(cols, 0, ROWS);
  });
  const states = new Float64Array(SERIES * STATE_LENGTH);
  const zoned = new IndicatorEngine(SessionClock.zone('America/New_York'), kernel);
  const day = best(SERIES * BARS, () => {
    for (let s = 0; s < SERIES; s++) {
      const from = (s * BARS) % (ROWS - BARS);
      zoned.load(states, s * STATE_LENGTH);
      zoned.run(cols, from, from + BARS);
      zoned.store(states, s * STATE_LENGTH);
    }
  });
  const swap = best(SERIES, () => {
    for (let s = 0; s < SERIES; s++) {
      zoned.load(states, s * STATE_LENGTH);
      zoned.store(states, s * STATE_LENGTH);
    }
  });
  process.stdout.write(`one series            ${long.toFixed(1)} ns a bar\n`);
  process.stdout.write(`10,000 series of 150  ${day.toFixed(1)} ns a bar, states swapped\n`);
  process.stdout.write(`load and store        ${swap.toFixed(0)} ns a series\n`);
}

const kernel = new RowKernel(1, ROWS, 0, 0);
measure(randomWalk(kernel.columns(ROWS)), kernel);
