/** The series of the database, and which of them a command is about. Times are µs since 1970. */

import type { CalendarRule } from '../base/calendar_rule.ts';
import { nearest } from '../base/nearest.ts';
import { interval as intervalText } from '../base/quantities.ts';
import type { Range } from '../base/ranges.ts';
import { type Aliases, CURRENCIES, spellings, undivided } from '../base/spellings.ts';
import { barGrid } from '../calendar/bar_grid.ts';
import { ExpectedBars } from '../calendar/expected_bars.ts';
import { asCovered, calendarOf } from '../calendar/market_calendar.ts';
import type { Db } from '../database/connect.ts';
import { usOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import type { SeriesName } from '../state/series/series_name.ts';
import type { TaskPlan } from '../state/task_plan.ts';

/** Which series: null for all. */
export interface SeriesFilter {
  /** As the user wrote them. */
  readonly symbols: readonly string[] | null;
  /** Symbols of the tiers asked for; of some nothing may be loaded yet. */
  readonly tierSymbols: readonly string[] | null;
  /** Seconds. */
  readonly intervals: readonly number[] | null;
}

export const ALL_SERIES: SeriesFilter = { symbols: null, tierSymbols: null, intervals: null };

/** What its layout says of a series as a whole; absent: nothing. */
export interface SeriesRule {
  /** Prices may be zero or below. */
  readonly prices?: 'any';
  /** When its market trades; absent: as its venue does. */
  readonly calendar?: CalendarRule;
  /** Spellings of one currency that its vendor has beside those everybody knows. */
  readonly aliases?: Aliases;
}

export interface Series extends SeriesName, SeriesRule {
  readonly seriesId: number;
  /** First and last bar; null for a series without one. */
  readonly firstUs: number | null;
  readonly lastUs: number | null;
}

/**
 * Stored symbols of one venue that a user's word stands for: the same text, else in other case, else another spelling, else
 * with or without what divides a pair of currencies.
 * `aliases`: the venue's own.
 */
export function meant(word: string, known: ReadonlySet<string>, aliases: Aliases = []): string[] {
  if (known.has(word)) return [word];
  const pairs = aliases.map(([a, b]) => [a.toUpperCase(), b.toUpperCase()] as const);
  const words = [word, undivided(word)].map((one) => one.toUpperCase());
  const upper = new Set(words.flatMap((one) => spellings(one, [...CURRENCIES, ...pairs])));
  const inOtherCase = [...known].filter((symbol) => symbol.toUpperCase() === word.toUpperCase());
  if (inOtherCase.length > 0) return inOtherCase;
  const spelled = [...known].filter((symbol) => upper.has(symbol.toUpperCase()));
  if (spelled.length > 0) return spelled;
  return [...known].filter((symbol) => upper.has(undivided(symbol).toUpperCase()));
}

function unknownSymbol(word: string, known: ReadonlySet<string>): BackhaulError {
  const near = nearest(word, [...known]);
  return new BackhaulError({
    kind: 'usage',
    message: `no series has the symbol ${word}`,
    ...(near === null
      ? { hint: 'npx backhaul report shows what there is' }
      : { hint: `did you mean ${near}?` }),
  });
}

/**
 * Tells whether a venue's symbol is one of those the words stand for. Each venue is asked by itself: what one spells
 * BTCUSD another spells XBTUSD, and both are meant.
 */
export function symbolsMeant(
  words: readonly string[],
  known: readonly { readonly venue: string; readonly symbol: string; readonly aliases?: Aliases }[],
): { readonly has: (venue: string, symbol: string) => boolean; readonly unknown: readonly string[] } {
  const unknown = new Set(words);
  const wanted = new Map<string, Set<string>>();
  for (const [venue, own] of Map.groupBy(known, (one) => one.venue)) {
    const symbols = new Set(own.map((one) => one.symbol));
    const aliases = [
      ...new Map(own.flatMap((one) => one.aliases ?? []).map((pair) => [pair.join(' '), pair])).values(),
    ];
    const some = new Set<string>();
    for (const word of words) {
      for (const symbol of meant(word, symbols, aliases)) {
        some.add(symbol);
        unknown.delete(word);
      }
    }
    wanted.set(venue, some);
  }
  return { has: (venue, symbol) => wanted.get(venue)?.has(symbol) === true, unknown: [...unknown] };
}

interface NameRow extends SeriesRule {
  readonly seriesId: number;
  readonly venue: string;
  readonly symbol: string;
  readonly intervalS: number;
}

/** Words that no symbol is meant by, as other names of the company by the renames on record, where those are. */
async function throughRenames(
  db: Db,
  words: readonly string[],
  known: readonly NameRow[],
): Promise<readonly string[]> {
  const unknown = new Set(symbolsMeant(words, known).unknown);
  if (unknown.size === 0) return words;
  const { rows } = await db.query<{ a: string; b: string }>(
    `SELECT upper(symbol) AS a, upper(new_symbol) AS b FROM backhaul.event WHERE kind = 'rename'`,
  );
  return words.flatMap((word) => {
    if (!unknown.has(word)) return [word];
    const names = new Set([word.toUpperCase()]);
    // Each name that is added is met again by the loop, so chains of renames are followed.
    for (const name of names)
      for (const { a, b } of rows) {
        if (a === name) names.add(b);
        if (b === name) names.add(a);
      }
    const others = known.filter(({ symbol }) => names.has(symbol.toUpperCase())).map(({ symbol }) => symbol);
    return others.length === 0 ? [word] : [...new Set(others)];
  });
}

/**
 * The series a filter means, by venue, symbol and interval.
 * @throws BackhaulError `usage` for a symbol or an interval no series has, so that a slip of the finger does not read
 * as "nothing is missing"
 */
export async function findSeries(db: Db, filter: SeriesFilter): Promise<NameRow[]> {
  const { rows: found } = await db.query<NameRow & { readonly rule: SeriesRule | null }>(
    `SELECT series_id AS "seriesId", venue, symbol, interval_s AS "intervalS",
       CASE WHEN r.series_id IS NOT NULL
         THEN jsonb_strip_nulls(jsonb_build_object('prices', nullif(r.prices, 'positive'), 'calendar', r.calendar,
           'aliases', r.aliases)) END AS rule
     FROM backhaul.series LEFT JOIN backhaul.series_rule r USING (series_id) ORDER BY venue, symbol, interval_s`,
  );
  const rows = found.map(({ rule, ...row }): NameRow => ({ ...row, ...rule }));
  const words = filter.symbols === null ? null : await throughRenames(db, filter.symbols, rows);
  const symbols = words === null ? null : symbolsMeant(words, rows);
  const unknown = symbols?.unknown[0];
  if (unknown !== undefined) throw unknownSymbol(unknown, new Set(rows.map((row) => row.symbol)));
  const tiered = filter.tierSymbols === null ? null : symbolsMeant(filter.tierSymbols, rows);
  const intervals = new Set(rows.map((row) => row.intervalS));
  for (const one of filter.intervals ?? []) {
    if (intervals.has(one)) continue;
    const there = [...intervals].sort((a, b) => a - b).map(intervalText);
    throw new BackhaulError({
      kind: 'usage',
      message: `no series has the interval ${intervalText(one)}`,
      hint: there.length === 0 ? 'nothing is loaded yet' : `there are ${there.join(', ')}`,
    });
  }
  return rows.filter(
    (row) =>
      (symbols === null || symbols.has(row.venue, row.symbol)) &&
      (tiered === null || tiered.has(row.venue, row.symbol)) &&
      (filter.intervals === null || filter.intervals.includes(row.intervalS)),
  );
}

/** First and last bar of series: two look-ups a series in the keys; partitions without a key yet are read once. */
export async function readEnds(
  db: Db,
  ids: readonly number[],
): Promise<Map<number, { first: number; last: number }>> {
  const { rows } = await db.query<{ seriesId: number; first: number | null; last: number | null }>(
    (await isDistributed(db)) ? ENDS_ON_NODES : ENDS,
    [ids],
  );
  const ends = new Map<number, { first: number; last: number }>();
  for (const { seriesId, first, last } of rows) {
    if (first !== null && last !== null) ends.set(seriesId, { first, last });
  }
  return ends;
}

const ENDS = `WITH bare AS MATERIALIZED (
       SELECT series_id, min(ts) AS first, max(ts) AS last FROM backhaul.bars_bare
       WHERE series_id = ANY ($1) GROUP BY series_id)
     SELECT w.series_id AS "seriesId", ${usOf('least(f.ts, bare.first)')} AS first,
       ${usOf('greatest(l.ts, bare.last)')} AS last
     FROM unnest($1::int[]) AS w (series_id)
     LEFT JOIN bare USING (series_id)
     LEFT JOIN LATERAL (SELECT ts FROM backhaul.bars b WHERE b.series_id = w.series_id ORDER BY ts LIMIT 1) f ON true
     LEFT JOIN LATERAL (SELECT ts FROM backhaul.bars b WHERE b.series_id = w.series_id ORDER BY ts DESC LIMIT 1) l
       ON true`;

/** On a cluster, where nothing can be looked up series by series: each node reads the keys of its own. */
const ENDS_ON_NODES = `SELECT series_id AS "seriesId", ${usOf('min(first)')} AS first, ${usOf('max(last)')} AS last
  FROM (SELECT series_id, min(ts) AS first, max(ts) AS last FROM backhaul.bars
        WHERE series_id = ANY ($1) GROUP BY series_id
        UNION ALL
        SELECT series_id, min(ts), max(ts) FROM backhaul.bars_bare WHERE series_id = ANY ($1) GROUP BY series_id) e
  GROUP BY series_id`;

/** The series a filter means, or those `among` them, with their first and last bars. */
export async function readSeries(
  db: Db,
  filter: SeriesFilter,
  among: ReadonlySet<number> | null = null,
): Promise<Series[]> {
  const names = (await findSeries(db, filter)).filter(
    ({ seriesId }) => among === null || among.has(seriesId),
  );
  const ends = await readEnds(
    db,
    names.map((name) => name.seriesId),
  );
  return names.map((name) => {
    const found = ends.get(name.seriesId);
    return { ...name, firstUs: found?.first ?? null, lastUs: found?.last ?? null };
  });
}

/** How the files of a series say its bars lie. */
export interface SeriesGrid {
  readonly grid: TaskPlan['grid'];
  readonly sessionZone: string;
}

const known = new Map<string, ExpectedBars>();
/** Series by grid: beyond, the memory starts afresh. */
const MOST_KNOWN = 10_000;

/** What can be expected of a series that files vouch for so far: its calendar on its files' grid. Series that expect the same share it. */
export function expectedBarsOf(
  series: Series,
  { grid, sessionZone }: SeriesGrid,
  covered: readonly Range[],
): ExpectedBars {
  const { venue, intervalS, firstUs } = series;
  const calendar = asCovered(calendarOf(venue, series.calendar), covered);
  const phase = grid === 'none' && firstUs !== null ? firstUs % (intervalS * 1e6) : 0;
  const key = [calendar.name, grid, sessionZone, intervalS, phase].join(' ');
  let expected = known.get(key);
  if (expected === undefined) {
    if (known.size >= MOST_KNOWN) known.clear();
    expected = new ExpectedBars(calendar, barGrid(intervalS, grid, sessionZone, firstUs));
    known.set(key, expected);
  }
  return expected;
}
