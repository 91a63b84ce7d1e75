import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { Scanner, SymbolTable } from '../../src/scan/scanner.ts';
import { NO_FACTS } from '../../src/scan/stamp_reader.ts';
import type { Input } from './reference.ts';
import { checksOf, type Run, scan, shapeOf } from './scan_run.ts';

/** Scans as an attempt does: again with what the whole file told, where that is needed. */
function scanTwice(input: Input): Run {
  const first = scan(input);
  const { need } = first.scanner;
  if (need === null) return first;
  const symbols = new SymbolTable(input.fixed, input.wanted);
  const reading = { facts: NO_FACTS, survey: need };
  const survey = new Scanner(input.shape, input.checks, symbols, 'any', reading);
  survey.push(input.bytes, 0, input.bytes.length, new BarColumns(4));
  survey.finish(new BarColumns(4));
  return scan(input, [], 64, 'kernel', { facts: survey.facts, survey: null });
}

/** What clocks of a zone show at an instant, by Intl alone. */
function clock(zone: string): (ms: number) => string {
  const show = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return (ms) => show.format(ms);
}

interface Told {
  readonly text: string;
  readonly symbol: string;
  readonly ms: number;
}

function run(
  records: readonly Told[],
  zone: string,
  minutes: number,
  order: Input['order'] = 'any',
  grid: Input['checks']['grid'] = 'epoch',
): Run {
  const shape = shapeOf(['time', 'symbol', 'open', 'high', 'low', 'close', 'volume'], {
    time: 'text',
    timeZone: zone,
  });
  const bytes = Buffer.from(records.map(({ text, symbol }) => `${text},${symbol},1,1,1,1,1\n`).join(''));
  const checks = checksOf({
    intervalUs: minutes * 60e6,
    earliestUs: Date.UTC(1970, 0, 1) * 1000,
    grid,
  });
  return scanTwice({ bytes, shape, checks, fixed: null, wanted: null, order });
}

/** Bars around an instant, `minutes` apart. */
function barsAround(zone: string, ms: number, minutes: number, symbol = 'A'): Told[] {
  const show = clock(zone);
  const step = minutes * 60_000;
  const from = Math.floor((ms - 4 * 3_600_000) / step) * step;
  const count = Math.ceil((8 * 3_600_000) / step);
  return Array.from({ length: count }, (_, i) => {
    const at = from + i * step;
    return { text: show(at), symbol, ms: at };
  });
}

/** The instants at which clocks of a zone are put back within a year: found by looking at each quarter of an hour. */
function putBack(zone: string, year: number): number[] {
  const show = clock(zone);
  const found: number[] = [];
  for (let day = Date.UTC(year, 0, 1); day < Date.UTC(year + 1, 0, 1); day += 86_400_000) {
    const isChange = (a: number, b: number): boolean =>
      Date.parse(`${show(b)}Z`.replace(' ', 'T')) - Date.parse(`${show(a)}Z`.replace(' ', 'T')) < b - a;
    if (!isChange(day, day + 86_400_000)) continue;
    for (let at = day; at < day + 86_400_000; at += 900_000)
      if (isChange(at, at + 900_000)) found.push(at + 900_000);
  }
  return found;
}

const ZONES = [
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'America/Havana',
  'Africa/Casablanca',
  'Asia/Tehran',
  'America/St_Johns',
];
const changes = ZONES.flatMap((zone) =>
  [1995, 2010, 2018, 2024].flatMap((year) => putBack(zone, year).map((at) => ({ zone, at }))),
);

describe('local times that occur twice', () => {
  it('belong to the pass that the order of records tells, forward and backward, in all zones and years', () => {
    expect(changes.length).toBeGreaterThan(20);
    for (const { zone, at } of changes) {
      for (const minutes of [1, 5, 30]) {
        const bars = barsAround(zone, at, minutes);
        for (const told of [bars, bars.toReversed()]) {
          const { rows, rejects } = run(told, zone, minutes);
          expect(rejects, `${zone} ${at}`).toEqual([]);
          expect(rows.map(({ ts }) => ts / 1000)).toEqual(told.map(({ ms }) => ms));
        }
      }
    }
  });

  it('of bars longer than the hour are told by the bars beside them, on no grid and in any direction', () => {
    let alone = 0;
    for (const { zone, at } of changes) {
      const show = clock(zone);
      const step = 4 * 3_600_000;
      const from = Math.floor(at / step) * step - 2 * step;
      const bars = [0, 1, 2, 3, 4]
        .map((i) => from + i * step)
        .map((ms) => ({ text: show(ms), symbol: 'A', ms }));
      for (const told of [bars, bars.toReversed()]) {
        const { rows, rejects } = run(told, zone, 240, 'any', 'none');
        expect(rejects, `${zone} ${at}`).toEqual([]);
        expect(rows.map(({ ts }) => ts / 1000)).toEqual(told.map(({ ms }) => ms));
      }
      // Of shorter bars so far apart it cannot be told.
      const { rejects } = run(bars, zone, 60, 'any', 'none');
      expect(rejects.every(({ reason }) => reason === 'repeated-hour')).toBe(true);
      alone += rejects.length;
    }
    expect(alone).toBeGreaterThan(3);
  });

  it('are told apart where records are missing, and for each of several symbols by itself', () => {
    const change = fc.constantFrom(...changes);
    const seed = fc.array(fc.nat(9), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(change, seed, seed, ({ zone, at }, a, b) => {
        const thin = (symbol: string, dice: readonly number[]): Told[] =>
          barsAround(zone, at, 5, symbol).filter((_, i) => dice[i % dice.length]! > 3);
        const told = [...thin('A', a), ...thin('B', b)].sort((x, y) => x.ms - y.ms);
        const { rows, rejects, counters } = run(told, zone, 5);
        expect(rows.length + rejects.length).toBe(counters.recordsRead);
        // What is loaded is right; what cannot be told is set aside, and is nothing but of such an hour.
        const lines = new Set(rejects.map(({ line }) => line));
        expect(rejects.every(({ reason, field }) => reason === 'repeated-hour' && field === 'time')).toBe(
          true,
        );
        expect(rows.map(({ ts }) => ts / 1000)).toEqual(
          told.filter((_, i) => !lines.has(i + 1)).map(({ ms }) => ms),
        );
        for (const line of lines) expect(Math.abs(told[line - 1]!.ms - at)).toBeLessThanOrEqual(4_500_000);
      }),
      { numRuns: 60 },
    );
  });

  it('stand once in each pass where bars are as long as the hour', () => {
    const at = putBack('America/New_York', 2024)[0]!;
    const bars = barsAround('America/New_York', at, 60);
    expect(run(bars, 'America/New_York', 60).rows.map(({ ts }) => ts / 1000)).toEqual(
      bars.map(({ ms }) => ms),
    );
  });

  it('are rejects in a file without order, and where there is one pass alone', () => {
    const zone = 'Europe/Berlin';
    const at = putBack(zone, 2023)[0]!;
    const bars = barsAround(zone, at, 15);
    const shuffled = bars.filter((_, i) => i % 2 === 0).concat(bars.filter((_, i) => i % 2 === 1));
    const isTwice = ({ ms }: Told): boolean => Math.abs(ms - at + 1) < 3_600_000;
    const { rows, rejects } = run(shuffled, zone, 15);
    expect(rejects).toHaveLength(8);
    expect(rows).toHaveLength(bars.length - 8);
    expect(rejects.every(({ line }) => isTwice(shuffled[line - 1]!))).toBe(true);
    const once = bars.filter(({ ms }) => ms < at - 3_600_000 || ms >= at);
    expect(run(once, zone, 15).rejects.map(({ reason }) => reason)).toEqual(Array(4).fill('repeated-hour'));
  });

  it('are no question where only one of the two is a place for a bar', () => {
    const zone = 'America/Havana';
    const shape = shapeOf(['time', 'open', 'high', 'low', 'close', 'volume'], {
      time: 'text',
      timeZone: zone,
    });
    // Clocks in Havana go back from 01:00 to midnight: the day begins at the first of the two.
    const checks = checksOf({ grid: 'zone-day', zone, intervalUs: 86_400e6 });
    const days = ['2024-11-02', '2024-11-03', '2024-11-04'];
    const bytes = Buffer.from(days.map((day) => `${day},1,1,1,1,1\n`).join(''));
    const { rows } = scan({ bytes, shape, checks, fixed: 'X', wanted: null, order: 'time' });
    expect(rows.map(({ ts }) => new Date(ts / 1000).toISOString())).toEqual([
      '2024-11-02T04:00:00.000Z',
      '2024-11-03T04:00:00.000Z',
      '2024-11-04T05:00:00.000Z',
    ]);
  });
});

describe('a local time that never was', () => {
  it('is a reject that says so', () => {
    const zone = 'Australia/Lord_Howe';
    const texts = ['2024-10-06 01:45', '2024-10-06 02:15', '2024-10-06 02:30'];
    const told = texts.map((text) => ({ text, symbol: 'A', ms: 0 }));
    const { rows, rejects } = run(told, zone, 15);
    expect(rows.map(({ ts }) => ts / 1000)).toEqual([
      Date.UTC(2024, 9, 5, 15, 15),
      Date.UTC(2024, 9, 5, 15, 30),
    ]);
    expect(rejects).toMatchObject([{ line: 2, reason: 'skipped-hour', field: 'time' }]);
  });
});
