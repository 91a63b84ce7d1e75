import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merge, type Range } from '../../src/base/ranges.ts';
import { type BarGrid, barGrid } from '../../src/calendar/bar_grid.ts';
import { ExpectedBars } from '../../src/calendar/expected_bars.ts';
import { ALL_WEEK, FOREX, type MarketCalendar, US_EQUITIES } from '../../src/calendar/market_calendar.ts';
import { findHoles, type Hole, reachOf } from '../../src/gaps/find_holes.ts';

const at = (text: string): number => Date.parse(text) * 1000;
const range = (from: string, to: string): Range => ({ fromUs: at(from), toUs: at(to) });
const hourly = barGrid(3600, 'epoch', 'UTC', null);

/** `from … to × candles`, for reading. */
const said = (holes: readonly Hole[]): string[] =>
  holes.map(({ fromUs, toUs, candles }) => {
    const text = (us: number): string => new Date(us / 1000).toISOString().slice(0, 16);
    return `${text(fromUs)} … ${text(toUs)} × ${candles}`;
  });

describe('holes', () => {
  it('lie before, between and after what is covered', () => {
    const covered = merge([
      range('2024-01-01T06:00Z', '2024-01-01T12:00Z'),
      range('2024-01-01T18:00Z', '2024-01-02T00:00Z'),
    ]);
    const holes = findHoles(
      new ExpectedBars(ALL_WEEK, hourly),
      range('2024-01-01T00:00Z', '2024-01-02T03:00Z'),
      covered,
    );
    expect(said(holes)).toEqual([
      '2024-01-01T00:00 … 2024-01-01T06:00 × 6',
      '2024-01-01T12:00 … 2024-01-01T18:00 × 6',
      '2024-01-02T00:00 … 2024-01-02T03:00 × 3',
    ]);
  });

  it('hold only bars whose opening is not covered: half an hour that is not is none', () => {
    const bars = new ExpectedBars(ALL_WEEK, hourly);
    const window = range('2024-01-01T00:00Z', '2024-01-01T04:00Z');
    expect(findHoles(bars, window, [range('2024-01-01T00:00Z', '2024-01-01T03:30Z')])).toEqual([]);
    expect(said(findHoles(bars, window, [range('2024-01-01T00:00Z', '2024-01-01T02:00:00.000Z')]))).toEqual([
      '2024-01-01T02:00 … 2024-01-01T04:00 × 2',
    ]);
    // A covered range that begins a moment after an opening does not hold it.
    expect(said(findHoles(bars, window, [{ fromUs: window.fromUs + 1, toUs: window.toUs }]))).toEqual([
      '2024-01-01T00:00 … 2024-01-01T01:00 × 1',
    ]);
  });

  it('of stocks run across nights and holidays, and count their sessions alone', () => {
    const days = new ExpectedBars(US_EQUITIES, barGrid(86_400, 'zone-day', 'America/New_York', null));
    // Loaded up to 3 July and from 8 July on; the 4th is a holiday, the 6th and 7th a weekend.
    const covered = merge([
      range('2024-06-01Z', '2024-07-04T04:00Z'),
      range('2024-07-08T04:00Z', '2024-08-01Z'),
    ]);
    expect(said(findHoles(days, range('2024-06-03Z', '2024-07-20Z'), covered))).toEqual([
      '2024-07-05T04:00 … 2024-07-06T04:00 × 1',
    ]);
    const minutes = new ExpectedBars(US_EQUITIES, barGrid(60, 'epoch', 'UTC', null));
    // The day files of Wednesday 27 (whole) to Monday are missing; Friday is short.
    expect(
      said(
        findHoles(minutes, range('2024-11-25Z', '2024-12-05Z'), [
          range('2024-11-25T05:00Z', '2024-11-27T05:00Z'),
          range('2024-12-03T05:00Z', '2024-12-06T05:00Z'),
        ]),
      ),
    ).toEqual([`2024-11-27T14:30 … 2024-12-02T21:00 × ${390 + 210 + 390}`]);
  });

  it('do not come of a weekend on which no currency trades', () => {
    const bars = new ExpectedBars(FOREX, hourly);
    const covered = [
      range('2024-06-30T21:00Z', '2024-07-05T21:00Z'),
      range('2024-07-07T21:00Z', '2024-07-13Z'),
    ];
    expect(findHoles(bars, range('2024-06-30T21:00Z', '2024-07-12Z'), covered)).toEqual([]);
  });

  it('are those of a scan bar by bar, on any series', () => {
    const cases: readonly [MarketCalendar, BarGrid, number][] = [
      [ALL_WEEK, hourly, 900],
      [ALL_WEEK, barGrid(86_400, 'none', 'UTC', at('2020-01-01T05:00Z')), 3600],
      [ALL_WEEK, barGrid(2_592_000, 'month', 'UTC', null), 86_400],
      [US_EQUITIES, hourly, 900],
      [US_EQUITIES, barGrid(86_400, 'zone-day', 'America/New_York', null), 3600],
      [FOREX, barGrid(14_400, 'epoch', 'UTC', null), 3600],
    ];
    const start = at('2024-02-26Z');
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.integer({ min: 0, max: 500 }),
        fc.integer({ min: 1, max: 700 }),
        fc.array(fc.tuple(fc.integer({ min: -50, max: 1200 }), fc.integer({ min: 1, max: 200 })), {
          maxLength: 10,
        }),
        ([calendar, grid, tickS], first, length, pieces) => {
          const tick = tickS * 1e6;
          const window = { fromUs: start + first * tick, toUs: start + (first + length) * tick };
          const covered = merge(
            pieces.map(([from, span]) => ({
              fromUs: start + from * tick,
              toUs: start + (from + span) * tick,
            })),
          );
          expect(findHoles(new ExpectedBars(calendar, grid), window, covered)).toEqual(
            bruteForce(calendar, grid, window, covered),
          );
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** The same by looking at every opening of the grid in turn. */
function bruteForce(
  calendar: MarketCalendar,
  grid: BarGrid,
  window: Range,
  covered: readonly Range[],
): Hole[] {
  const holes: { fromUs: number; toUs: number; candles: number }[] = [];
  let open = false;
  for (let us = grid.floor(window.fromUs); us < window.toUs; us = grid.next(us)) {
    if (us < window.fromUs) continue;
    const end = grid.next(us);
    const sessions = calendar.sessions === null ? null : [...calendar.sessions(us, end)];
    if (sessions !== null && !sessions.some((one) => one.fromUs < end && one.toUs > us)) continue;
    if (covered.some((one) => us >= one.fromUs && us < one.toUs)) {
      open = false;
    } else if (open) {
      const last = holes.at(-1)!;
      last.toUs = end;
      last.candles++;
    } else {
      holes.push({ fromUs: us, toUs: end, candles: 1 });
      open = true;
    }
  }
  return holes;
}

describe('reach', () => {
  const now = at('2026-11-22T12:20Z');

  it('counts candles since the start of a gap, and those beyond the 720 of Kraken', () => {
    // 30 days of hours: exactly what the API has.
    expect(reachOf('kraken', 3600, at('2026-10-23T12:20Z'), now)).toEqual({
      candlesFromNow: 720,
      overflow: 0,
    });
    expect(reachOf('kraken', 3600, at('2026-10-23T11:00Z'), now)).toEqual({
      candlesFromNow: 721,
      overflow: 1,
    });
    expect(reachOf('kraken', 60, at('2026-11-22T00:00Z'), now)).toEqual({
      candlesFromNow: 740,
      overflow: 20,
    });
    expect(reachOf('kraken', 86_400, at('2024-06-01Z'), now)).toEqual({ candlesFromNow: 904, overflow: 184 });
    expect(reachOf('kraken', 3600, at('2026-11-22T12:00Z'), now)).toEqual({
      candlesFromNow: 0,
      overflow: -720,
    });
  });

  it('knows no limit where it knows no API', () => {
    expect(reachOf('us_stocks_sip', 60, at('2026-11-20T14:30Z'), now).overflow).toBeNull();
    expect(reachOf('kraken', 720 * 60, at('2026-11-20T12:00Z'), now).overflow).toBeNull();
    expect(reachOf('constructor', 60, at('2026-11-20T14:30Z'), now).overflow).toBeNull();
  });
});
