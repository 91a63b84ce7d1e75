import { describe, expect, test } from 'vitest';
import { BackhaulError } from '../../src/faults/fault.ts';
import {
  decodeState,
  encodeState,
  SessionClock,
  STATE_LENGTH,
  STATE_VERSION,
  sameState,
} from '../../src/indicators/engine.ts';
import { PlainColumnsEngine } from './plain_columns.ts';
import { barsOf } from './series.ts';

function stateAfter(bars: number): Float64Array {
  const cols = barsOf(Array.from({ length: bars }, (_, i) => 10 + Math.sin(i)));
  const engine = new PlainColumnsEngine(SessionClock.utcDay());
  engine.run(cols, 0, bars);
  const state = new Float64Array(STATE_LENGTH);
  engine.store(state, 0);
  return state;
}

function faultOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    if (error instanceof BackhaulError) return error.fault;
    throw error;
  }
  return null;
}

const OUTDATED = { kind: 'internal', hint: 'backhaul recompute' };

describe('a stored state', () => {
  test('of the version before is read: it counted on', () => {
    const state = stateAfter(1000);
    const bytes = encodeState(state, 0).slice();
    const view = new DataView(bytes.buffer);
    view.setFloat64(0, 1, true);
    view.setFloat64(8, 1000, true);
    const back = new Float64Array(STATE_LENGTH);
    decodeState(bytes, back);
    expect(back).toEqual(state);
    expect(sameState(back, state)).toBe(true);
  });

  test('tells nothing of where the series began: two that saw the same last bars become the same', () => {
    const bars = 6000;
    const walk = (start: number): Float64Array => {
      const closes = Array.from(
        { length: bars },
        (_, i) => 100 + 10 * Math.sin(i * i) + (i < 1237 ? start : 0),
      );
      const cols = barsOf(closes);
      const engine = new PlainColumnsEngine(SessionClock.utcDay());
      engine.run(cols, start % 1000, bars);
      const state = new Float64Array(STATE_LENGTH);
      engine.store(state, 0);
      return state;
    };
    const [one, other] = [walk(0), walk(413)];
    expect(sameState(one, other)).toBe(true);
    other[5]! *= 1 + Number.EPSILON;
    expect(sameState(one, other)).toBe(false);
  });

  test.each([0, 1, 2, 19, 20, 21, 49, 50, 51, 1000])('of %d bars comes back to the same bits', (bars) => {
    const state = stateAfter(bars);
    const back = new Float64Array(STATE_LENGTH + 3).fill(7);
    decodeState(encodeState(state, 0), back.subarray(2));
    expect(Buffer.from(back.buffer, 16, 8 * STATE_LENGTH).equals(Buffer.from(state.buffer))).toBe(true);
    expect([back[0], back[1], back[STATE_LENGTH + 2]]).toEqual([7, 7, 7]);
  });

  test('takes 136 bytes and 8 a close, up to 50 closes', () => {
    expect([0, 1, 20, 50, 51, 5000].map((bars) => encodeState(stateAfter(bars), 0).length)).toEqual([
      136, 144, 296, 536, 536, 536,
    ]);
  });

  test('of zeros is that of a series without bars', () => {
    expect(encodeState(new Float64Array(STATE_LENGTH), 0)).toEqual(encodeState(stateAfter(0), 0));
  });

  test('of another version is refused with the command that helps', () => {
    const state = stateAfter(30);
    const bytes = encodeState(state, 0);
    new DataView(bytes.buffer).setFloat64(0, STATE_VERSION + 1, true);
    expect(faultOf(() => decodeState(bytes, state))).toMatchObject(OUTDATED);
    const other = Float64Array.from(state);
    other[0] = STATE_VERSION + 1;
    expect(faultOf(() => new PlainColumnsEngine(SessionClock.utcDay()).load(other, 0))).toMatchObject(
      OUTDATED,
    );
  });

  test('of any other length is refused', () => {
    const bytes = encodeState(stateAfter(30), 0);
    const into = new Float64Array(STATE_LENGTH);
    for (let length = 0; length < bytes.length; length++) {
      expect(
        faultOf(() => decodeState(bytes.subarray(0, length), into)),
        `${length}`,
      ).toMatchObject(OUTDATED);
    }
    expect(faultOf(() => decodeState(new Uint8Array([...bytes, 0]), into))).toMatchObject(OUTDATED);
  });

  test('is read wherever its bytes lie in memory', () => {
    const bytes = encodeState(stateAfter(30), 0);
    const within = new Uint8Array(bytes.length + 3);
    within.set(bytes, 3);
    const into = new Float64Array(STATE_LENGTH);
    decodeState(within.subarray(3), into);
    expect(into).toEqual(stateAfter(30));
  });
});
