import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { merge } from '../../src/base/ranges.ts';
import { makes } from '../../src/buckets/rollup_rule.ts';
import { usOf } from '../../src/database/stamps.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { scratchFolder, wipe } from '../e2e/loading.ts';
import { type Bar, krakenCsv, walk, write } from '../e2e/market.ts';
import { differences, snapshot } from './copies.ts';

/**
 * Whatever a database went through, in whatever order, it ends as one into which what is loaded at the end was loaded at
 * once, oldest first: to the bit, longer bars, coverage and indicator states with it.
 */

const HOUR = 3600;
const BEGIN = Date.UTC(2024, 0, 1) / 1000;
const HOURS = 900;
/** Files of a symbol: stretches that overlap by some hours with their neighbours. */
const CUTS = [0, 170, 333, 350, 610, HOURS];
const OVERLAP = 24;
const SYMBOLS = ['XBTUSD', 'ETHUSD'];
const ROLLUPS = ['4h', '1d', '1w'];
const ROLLUP_MINUTES: Readonly<Record<string, number>> = { '4h': 240, '1d': 1440, '1w': 10_080 };

interface Piece {
  readonly symbol: string;
  readonly part: number;
  readonly minutes: number;
}
const OF_ONE: readonly Piece[] = SYMBOLS.flatMap((symbol) => [
  ...CUTS.slice(1).map((_, part) => ({ symbol, part, minutes: 60 })),
  // The vendor's own longer bars of some stretches.
  ...[1, 3].flatMap((part) => [240, 1440].map((minutes) => ({ symbol, part, minutes }))),
]);
/** Files of all symbols, of the same hours: by a layout of their own, in the order of time. */
const ALL = '*';
const OF_ALL = `
name: of-all
paths: 'all_(?<interval>\\d+[mhd])\\.csv$'
columns: [symbol, time, open, high, low, close, volume, trades]
header: none
time: { unit: s }
venue: kraken
symbol: { column: symbol }
interval: { group: interval }
order: time
`;

const PIECES: readonly Piece[] = [
  ...OF_ONE,
  ...CUTS.slice(1).map((_, part) => ({ symbol: ALL, part, minutes: 60 })),
];

/** The first version of a file, or another, which lacks some bars in the stretch that no other file has. */
function barsOf(all: readonly Bar[], part: number, version: number): Bar[] {
  const from = Math.max(0, CUTS[part]! - OVERLAP);
  const to = CUTS[part + 1]!;
  const ownFrom = CUTS[part]! + 1;
  const ownTo = Math.max(ownFrom, to - OVERLAP - 1);
  return all.filter(({ time }) => {
    const hour = (time - BEGIN) / HOUR;
    if (hour < from || hour >= to) return false;
    return version === 0 || hour < ownFrom || hour >= ownTo || (hour * 7 + version * 3) % 11 > 2;
  });
}

const SPLITS = [
  null,
  'venue,symbol,date,event,value\nkraken,XBTUSD,2024-01-12,split,2:1\n',
  'venue,symbol,date,event,value\nkraken,XBTUSD,2024-01-12,split,4:1\nkraken,ETHUSD,2024-01-29,split,1:10\n',
];

type Step =
  | {
      readonly does: 'load';
      readonly pieces: readonly number[];
      readonly rollups: readonly number[];
      readonly reload: boolean;
    }
  | { readonly does: 'rewrite'; readonly piece: number; readonly version: number }
  | { readonly does: 'unload'; readonly piece: number }
  | { readonly does: 'rollup'; readonly symbol: number; readonly rollups: readonly number[] }
  | { readonly does: 'events'; readonly splits: number }
  | { readonly does: 'fill'; readonly pieces: readonly number[] }
  | { readonly does: 'recompute' };

const piece = fc.nat(PIECES.length - 1);
const somePieces = fc.uniqueArray(piece, { minLength: 1, maxLength: 4 });
const rollups = fc.subarray([0, 1, 2]);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant('load' as const),
      pieces: somePieces,
      rollups: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: rollups }),
      reload: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('rewrite' as const), piece, version: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('unload' as const), piece }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('rollup' as const), symbol: fc.nat(1), rollups }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('events' as const), splits: fc.nat(SPLITS.length - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('fill' as const), pieces: somePieces }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('recompute' as const) }) },
);

const folder = scratchFolder();
const layout = write(folder, 'of-all.yaml', OF_ALL);

function csvOfAll(bars: readonly Bar[]): string {
  return bars
    .map((b) => `${[b.symbol, b.time, b.open, b.high, b.low, b.close, b.volume, b.trades].join(',')}\n`)
    .join('');
}

const LONG = process.env['BACKHAUL_LONG'] === '1';
/** One short life, the same each time; many long ones, of a new seed, where there is time. */
const [RUNS, STEPS] = LONG ? [40, 12] : [1, 6];

it('ends as a load of what is there at its end', async () => {
  const { url, pool } = await testDatabase();
  const run = async (...args: string[]): Promise<void> => {
    const answer = await answerOf(args, { env: { DATABASE_URL: url } });
    expect([
      args,
      answer.code === 0 ||
      (args[1] === 'fill' && answer.code === 3) ||
      /Nothing|No gap|no gap/.test(answer.stdout + answer.stderr)
        ? ''
        : `${answer.code} ${answer.stdout} ${answer.stderr}`,
    ]).toEqual([args, '']);
  };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.array(step, { minLength: 3, maxLength: STEPS }),
      fc.boolean(),
      async (seed, steps, hasAll) => {
        await wipe(pool);
        await pool.query('DELETE FROM backhaul.event');
        const markets = SYMBOLS.map((symbol, i) =>
          walk(symbol, BEGIN, BEGIN + HOURS * HOUR, HOUR, seed + i, 0.95),
        );
        // Where two files bring the same bar, both have it in every version.
        const contents = PIECES.map(() => 0);
        const pieces = (some: readonly number[]): number[] => some.filter((i) => hasAll || i < OF_ONE.length);
        const put = (i: number): string => {
          const { symbol, part, minutes } = PIECES[i]!;
          if (symbol === ALL) {
            const bars = markets.flatMap((market) => barsOf(market, part, 0)).sort((a, b) => a.time - b.time);
            return write(folder, `${part}/all_1h.csv`, csvOfAll(bars));
          }
          const step = minutes * 60;
          const all =
            minutes === 60
              ? markets[SYMBOLS.indexOf(symbol)]!
              : walk(symbol, BEGIN, BEGIN + HOURS * HOUR, step, seed + minutes, 0.9);
          const bars = barsOf(all, part, contents[i]!);
          return write(folder, `${part}/${symbol}_${minutes}.csv`, krakenCsv(bars));
        };
        for (const [i] of PIECES.entries()) put(i);
        const path = (i: number): string =>
          PIECES[i]!.symbol === ALL
            ? `${folder}/${PIECES[i]!.part}/all_1h.csv`
            : `${folder}/${PIECES[i]!.part}/${PIECES[i]!.symbol}_${PIECES[i]!.minutes}.csv`;
        /** A load of files of one symbol, and one of those of all. */
        const loadOf = async (some: readonly number[], ...flags: string[]): Promise<void> => {
          const ofOne = some.filter((i) => i < OF_ONE.length);
          const ofAll = some.filter((i) => i >= OF_ONE.length);
          if (ofOne.length > 0) await run('load', ...ofOne.map(path), ...flags);
          const own = flags.filter((flag) => flag === '--reload');
          if (ofAll.length > 0) await run('load', ...ofAll.map(path), '--layout', layout, ...own);
        };
        /** Version of each file that is loaded. */
        const loaded = new Map<number, number>();
        /** Taken out, and set aside until they change or are asked for outright. */
        const aside = new Set<number>();
        /** Longer bars that were asked for, by symbol: whatever bars they were asked of, all make them. */
        const longer = new Map<string, Set<string>>();
        const askFor = (symbol: string, rollups: readonly string[]): void => {
          longer.set(symbol, new Set([...(longer.get(symbol) ?? []), ...rollups]));
        };
        /** Of these longer bars, those that some of the bars make: others are refused. */
        const made = (from: readonly number[], some: readonly string[]): string[] =>
          some.filter((rollup) => from.some((minutes) => makes(minutes * 60, ROLLUP_MINUTES[rollup]! * 60)));
        /** The minutes of a symbol's bars that are loaded. */
        const there = (symbol: string): number[] =>
          [...loaded.keys()]
            .filter((i) => [symbol, ALL].includes(PIECES[i]!.symbol))
            .map((i) => PIECES[i]!.minutes);
        let splits = 0;
        for (const one of steps) {
          if (one.does === 'load') {
            const some = pieces(one.pieces);
            if (some.length === 0) continue;
            const ofOne = some.filter((i) => i < OF_ONE.length);
            const asked = one.rollups.map((r) => ROLLUPS[r]!);
            const wanted = made(
              ofOne.map((i) => PIECES[i]!.minutes),
              asked,
            );
            const flags = wanted.length === 0 ? [] : ['--rollups', wanted.join(',')];
            await loadOf(some, ...flags, ...(one.reload ? ['--reload'] : []));
            for (const i of some) {
              if (one.reload) aside.delete(i);
              if (!aside.has(i)) loaded.set(i, contents[i]!);
            }
            for (const symbol of SYMBOLS) {
              const mine = some.filter((i) => PIECES[i]!.symbol === symbol);
              askFor(
                symbol,
                made(
                  mine.map((i) => PIECES[i]!.minutes),
                  wanted,
                ),
              );
            }
          } else if (one.does === 'rewrite') {
            if (!hasAll && one.piece >= OF_ONE.length) continue;
            contents[one.piece] = hasAll ? 0 : one.version;
            put(one.piece);
            aside.delete(one.piece);
          } else if (one.does === 'unload') {
            if (!loaded.has(one.piece)) continue;
            await run('unload', path(one.piece));
            loaded.delete(one.piece);
            aside.add(one.piece);
          } else if (one.does === 'rollup') {
            if (one.rollups.length === 0) continue;
            const symbol = SYMBOLS[one.symbol]!;
            const wanted = made(
              there(symbol),
              one.rollups.map((r) => ROLLUPS[r]!),
            );
            if (wanted.length === 0) continue;
            await run('rollup', wanted.join(','), '--symbols', symbol);
            askFor(symbol, wanted);
          } else if (one.does === 'events') {
            await run(
              'events',
              'load',
              write(folder, 'splits.csv', SPLITS[one.splits] ?? 'venue,symbol,date,event,value\n'),
            );
            splits = one.splits;
          } else if (one.does === 'fill') {
            if (loaded.size === 0) continue;
            await run('gaps', 'scan', '--to', '2024-02-08');
            const some = one.pieces.filter((i) => i < OF_ONE.length);
            if (some.length === 0) continue;
            await run('gaps', 'fill', ...some.map(path));
            // It loads what a gap needs, in part: the whole of them then, so that it is known what is there.
            await loadOf(some);
            for (const i of some) if (!aside.has(i)) loaded.set(i, contents[i]!);
          } else await run('recompute');
        }
        const { candles, states } = await snapshot(pool);
        const covered = await merged(pool);
        await wipe(pool);
        await pool.query('DELETE FROM backhaul.event');
        if (splits !== 0) await run('events', 'load', write(folder, 'splits.csv', SPLITS[splits]!));
        for (const [i, version] of loaded) {
          contents[i] = version;
          put(i);
        }
        for (const symbol of SYMBOLS)
          for (const minutes of [1440, 240, 60]) {
            const mine = [...loaded.keys()]
              .filter((i) => PIECES[i]!.symbol === symbol && PIECES[i]!.minutes === minutes)
              .sort((a, b) => a - b);
            if (mine.length === 0) continue;
            await run('load', ...mine.map(path));
          }
        await loadOf([...loaded.keys()].filter((i) => i >= OF_ONE.length).sort((a, b) => a - b));
        for (const [symbol, asked] of longer) {
          const wanted = made(there(symbol), [...asked]);
          if (wanted.length > 0) await run('rollup', wanted.join(','), '--symbols', symbol);
        }
        const expected = await snapshot(pool);
        expect(
          differences(
            { candles: candles!, states: states! },
            { candles: expected['candles']!, states: expected['states']! },
          ),
        ).toEqual([]);
        expect(covered).toEqual(await merged(pool));
      },
    ),
    { numRuns: RUNS, endOnFailure: true, ...(LONG ? {} : { seed: 1 }) },
  );
}, 3_600_000);

/** What files vouch for, whichever file it is. */
async function merged(pool: Awaited<ReturnType<typeof testDatabase>>['pool']): Promise<unknown[]> {
  const { rows } = await pool.query<{ series: string; from: number; to: number }>(
    `SELECT concat_ws(' ', venue, symbol, interval_s) AS series, ${usOf('lower(covered)')} AS from,
       ${usOf('upper(covered)')} AS to
     FROM backhaul.coverage JOIN backhaul.series USING (series_id) ORDER BY 1`,
  );
  const series = Map.groupBy(rows, (row) => row.series);
  return [...series].map(([name, ranges]) => [
    name,
    merge(ranges.map(({ from, to }) => ({ fromUs: from, toUs: to }))),
  ]);
}
