/** The indicator state of one series: what the next bar needs of all bars before it. */

import { BackhaulError } from '../faults/fault.ts';
import { logReturn } from './returns.ts';

/** Raised whenever a formula or the layout below changes; states of unknown versions are refused. */
export const STATE_VERSION = 2;
/** Its bytes say the same, but for a count without end; the windows of its time differ in the last bits. */
const COUNTED_ON = 1;

/**
 * Bars are counted up to here: behind the 201st no weight depends on how many there were, so that two states are the
 * same bits where all that follows is, however many bars came before each.
 */
const COUNTED = 256;

/** Closes kept: the longest window. */
const CLOSES = 50;
/** Returns kept: the window of `volatility_20`. */
const RETURNS = 20;

// Slots of a state, in doubles.
export const VERSION = 0;
/** Bars seen, {@link COUNTED} at most, without those that are no bars to an indicator (see `IndicatorEngine.run`). */
const COUNT = 1;
export const LAST_TS = 2;
const LAST_CLOSE = 3;
const EMA_20 = 4;
const EMA_50 = 5;
const EMA_100 = 6;
const EMA_200 = 7;
const EMA_12 = 8;
const EMA_26 = 9;
const SIGNAL = 10;
const GAIN = 11;
const LOSS = 12;
const ATR = 13;
export const SESSION = 14;
/** Σ(typical price × volume) and Σ(volume) of the session. */
export const TURNOVER = 15;
export const VOLUME = 16;
const SCALARS = 17;
/** The last 50 closes, the newest last, then the last 20 returns likewise; 0 where there were fewer. */
const CLOSES_AT = SCALARS;
const RETURNS_AT = CLOSES_AT + CLOSES;

/** Doubles a series. A state of zeros is a series without bars, so a fresh Float64Array needs no preparation. */
export const STATE_LENGTH: number = RETURNS_AT + RETURNS;

/** Writes the state of a series without bars. */
export function clearState(state: Float64Array): void {
  state.fill(0, 0, STATE_LENGTH);
  state[VERSION] = STATE_VERSION;
  state[LAST_TS] = Number.NEGATIVE_INFINITY;
  state[SESSION] = Number.NEGATIVE_INFINITY;
}

/** @throws BackhaulError `internal` unless the state is of this version */
export function checkVersion(version: number): void {
  if (version === STATE_VERSION) return;
  throw new BackhaulError({
    kind: 'internal',
    message: 'the stored indicator state is of another version of backhaul',
    expected: `version ${STATE_VERSION}`,
    found: `version ${version}`,
    hint: 'backhaul recompute',
  });
}

/** What the last state was encoded to: a day file has 10,000 of them, none of which is kept. */
const encoded = new Float64Array(SCALARS + CLOSES);
const encodedBytes = new Uint8Array(encoded.buffer);

/**
 * A state as bytes for `indicator_state`: the scalars, then up to 50 closes, oldest first; little-endian doubles.
 * Returns are computed again from the closes. 136 bytes and 8 a close: 536 at most. A view that holds until the next.
 */
export function encodeState(state: Float64Array, at: number): Uint8Array {
  const count = state[at + COUNT]!;
  const kept = Math.min(count, CLOSES);
  // Doubles as they lie in memory: Node and WebAssembly's memory are little-endian wherever we run.
  const doubles = encoded;
  for (let i = 0; i < SCALARS; i++) doubles[i] = state[at + i]!;
  if (state[at + VERSION] === 0) {
    doubles[VERSION] = STATE_VERSION;
    doubles[LAST_TS] = Number.NEGATIVE_INFINITY;
    doubles[SESSION] = Number.NEGATIVE_INFINITY;
  }
  const oldest = at + CLOSES_AT + CLOSES - kept;
  for (let i = 0; i < kept; i++) doubles[SCALARS + i] = state[oldest + i]!;
  return kept === CLOSES ? encodedBytes : encodedBytes.subarray(0, 8 * (SCALARS + kept));
}

/**
 * Reads what {@link encodeState} wrote into `into`.
 * @throws BackhaulError `internal` for another version or length
 */
export function decodeState(bytes: Uint8Array, into: Float64Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 * SCALARS) throw damaged(bytes.length, 8 * SCALARS);
  const version = view.getFloat64(8 * VERSION, true);
  if (version !== COUNTED_ON) checkVersion(version);
  const count = view.getFloat64(8 * COUNT, true);
  const kept = Math.min(count, CLOSES);
  if (!Number.isSafeInteger(count) || count < 0 || bytes.length !== 8 * (SCALARS + kept)) {
    throw damaged(bytes.length, 8 * (SCALARS + kept));
  }
  into.fill(0, 0, STATE_LENGTH);
  for (let i = 0; i < SCALARS; i++) into[i] = view.getFloat64(8 * i, true);
  into[VERSION] = STATE_VERSION;
  into[COUNT] = Math.min(count, COUNTED);
  const first = CLOSES_AT + CLOSES - kept;
  for (let i = 0; i < kept; i++) into[first + i] = view.getFloat64(8 * (SCALARS + i), true);
  returnsOfCloses(into);
}

/** The returns of a state are those of its closes, to the bit, wherever it has been. */
function returnsOfCloses(state: Float64Array): void {
  const kept = Math.min(state[COUNT]!, CLOSES);
  const lastClose = CLOSES_AT + CLOSES - 1;
  const lastReturn = RETURNS_AT + RETURNS - 1;
  for (let age = Math.min(kept - 1, RETURNS) - 1; age >= 0; age--)
    state[lastReturn - age] = logReturn(state[lastClose - age]!, state[lastClose - age - 1]!);
}

/** Slots that are prices, or averages of their changes. */
const PRICES = [LAST_CLOSE, EMA_20, EMA_50, EMA_100, EMA_200, EMA_12, EMA_26, SIGNAL, GAIN, LOSS, ATR];

/**
 * Puts the state of a series into the scale of a split: as if all bars before had been told in it. `ratio`: shares after
 * for each one before. Each value by one division, or multiplication, so that a state is the same bits whichever way it
 * has come here.
 */
export function rescale(state: Float64Array, ratio: number): void {
  for (const slot of PRICES) state[slot]! /= ratio;
  state[VOLUME]! *= ratio;
  for (let i = 0; i < CLOSES; i++) state[CLOSES_AT + i]! /= ratio;
  returnsOfCloses(state);
}

/**
 * Whether two states at the same bar have all the same bits, and so give the same indicators of whatever follows. What a
 * state holds of windows are the values in them, by age: nothing in it tells where the series began.
 */
export function sameState(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < RETURNS_AT; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

function damaged(found: number, expected: number): BackhaulError {
  return new BackhaulError({
    kind: 'internal',
    message: 'a stored indicator state is damaged',
    expected: `${expected} bytes`,
    found: `${found} bytes`,
    hint: 'backhaul recompute',
  });
}
