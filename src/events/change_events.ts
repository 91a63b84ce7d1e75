/**
 * What a file of events says, made to stand: the events and the indicators behind its splits, some symbols in a
 * transaction. What was interrupted is gone on with by the same file: what stands already is not done again.
 */

import type { ClientBase, Pool } from 'pg';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock, splitFrom } from '../indicators/engine.ts';
import { type MergeMemory, mergeMemory } from '../merge/merge_memory.ts';
import { Rewriter } from '../merge/rewriter.ts';
import { Deriver } from '../rollups/derive.ts';
import { readCoverage } from '../series/coverage.ts';
import { joinRenamed } from '../series/renamed_market.ts';
import { ALL_SERIES, readSeries, type Series } from '../series/series.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { readDerivations } from '../state/series/derivations.ts';
import { basesOf, lockRollups } from '../state/series/rollups.ts';
import { expire } from '../state/tasks/lease.ts';
import { type EventChanges, eventsBeside, type StandingEvent, writeEvents } from './event_table.ts';
import { type Day, keyOfEvent, type MarketEvent, sameEvent } from './market_event.ts';
import type { EventScope } from './read_events.ts';
import { underStandingNames } from './standing_names.ts';
import { type Swap, swapsOf } from './swaps.ts';

export interface EventLoad {
  /** The file, by which its next version is known. */
  readonly source: string;
  readonly events: readonly MarketEvent[];
  /** What it says nothing of stays; by itself it speaks of all it ever told. */
  readonly scope?: EventScope;
}

export interface EventOptions {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** A transaction is done; `of` is how many series there are to compute. */
  readonly onProgress: (series: number, of: number) => void;
}

export interface EventSummary {
  readonly type: 'events';
  readonly source: string;
  readonly events: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly equal: number;
  /** Series behind whose splits indicators were computed again; in a dry run, would be. */
  readonly series: number;
  /** Rows whose indicators changed. */
  readonly recomputed: number;
  /** Bars that stand under a company's later name now. */
  readonly joined: number;
  /** Symbols of the file of which no series is there, as `venue symbol`: their events are kept. */
  readonly unknownSymbols: readonly string[];
  /** Venues that have series of some of those. */
  readonly venuesThatHaveThem: readonly string[];
  /** Names of the file that go round on one day, as A to B and B to A: their bars are not joined. */
  readonly swaps: readonly Swap[];
  readonly interrupted: boolean;
}

/** Bars behind splits that may be computed in one transaction: so long do claims wait. */
const GROUP_BARS = 500_000;
const GROUP_SERIES = 2_000;
/** Rows in memory: half of them are read, computed and written at a time. */
const BATCH_ROWS = 24_576;
/** Rows in which an indicator is NULL keep it so; what stands of it is made true. */
const NOT_ASKED = INDICATOR_NAMES.map(() => false);
const NO_ROWS = new Int32Array(0);

/** What of a file's events is new against what stands, and what it told before and no longer does. */
function changesOf(
  { source, events, scope }: EventLoad,
  standing: readonly StandingEvent[],
): EventChanges & { readonly equal: number } {
  const stands = new Map(standing.map((one) => [keyOfEvent(one.event), one]));
  const told = new Set(events.map(keyOfEvent));
  const added: MarketEvent[] = [];
  const changed: MarketEvent[] = [];
  const takenOver: MarketEvent[] = [];
  let equal = 0;
  for (const event of events) {
    const before = stands.get(keyOfEvent(event));
    if (before === undefined) added.push(event);
    else if (!sameEvent(before.event, event)) changed.push(event);
    else {
      equal++;
      if (before.source !== source) takenOver.push(event);
    }
  }
  const speaksOf = ({ venue, symbol }: MarketEvent): boolean =>
    (scope?.venue ?? venue) === venue && (scope?.symbol ?? symbol) === symbol;
  const removed = standing
    .filter((one) => one.source === source && speaksOf(one.event) && !told.has(keyOfEvent(one.event)))
    .map((one) => one.event);
  return { added, changed, removed, takenOver, equal };
}

/** A series whose splits change, and from when on. */
interface SplitSeries {
  readonly series: Series;
  readonly zone: string;
  /** The days that change, in the order of time. */
  readonly days: readonly Day[];
  /** Of those, from which instants on bars are in other scales; none behind its last bar. µs since 1970. */
  readonly fromUs: readonly number[];
}

/** The name that a symbol's company is known by here: one for all its names, as {@link symbolOf}. */
type CompanyOf = (one: { readonly venue: string; readonly symbol: string }) => string;

/** Series that are seen to in one transaction, with the events of their companies. */
interface Group {
  readonly companies: Set<string>;
  readonly series: SplitSeries[];
}

/** Makes what a file says stand. Fault `database` while a load is at work on one of its venues. */
export async function changeEvents(db: Pool, load: EventLoad, options: EventOptions): Promise<EventSummary> {
  const { source } = load;
  const named = await underStandingNames(db, load);
  const changes = changesOf({ source, ...named }, await eventsBeside(db, named.events, source));
  const companyOf = await readCompanies(db);
  const touched = await seriesTouched(db, [...changes.added, ...changes.changed, ...changes.removed]);
  const done = options.dryRun
    ? { series: touched.length, recomputed: 0, interrupted: false }
    : await makeStand(db, source, changes, touched, companyOf, options);
  let joined = 0;
  if (!options.dryRun && !done.interrupted)
    await joinRenamed(db, options.signal, (_, { moved }) => {
      joined += moved;
    });
  return {
    type: 'events',
    source,
    events: load.events.length,
    added: changes.added.length,
    changed: changes.changed.length,
    removed: changes.removed.length,
    equal: changes.equal,
    ...done,
    joined,
    ...(await symbolsWithoutSeries(db, named.events)),
    swaps: swapsOf(named.events),
  };
}

async function makeStand(
  db: Pool,
  source: string,
  changes: EventChanges,
  touched: readonly SplitSeries[],
  companyOf: CompanyOf,
  { signal, onProgress }: EventOptions,
): Promise<Pick<EventSummary, 'series' | 'recomputed' | 'interrupted'>> {
  const groups = groupsOf(touched, companyOf);
  const inGroups = new Set(groups.flatMap((group) => [...group.companies]));
  const venues = [...new Set(venuesOf(allOf(changes)))];
  await expire(db);
  const hypertable = await isHypertable(db);
  // Rows are found by their key, and written through it.
  const partitions = new Partitions(db, hypertable);
  if (groups.length > 0) await partitions.promoteAll(1, () => {}, true);
  const rest = only(changes, (event) => !inGroups.has(companyOf(event)));
  if (allOf(rest).length > 0)
    await inTransaction(db, async (client) => {
      await alone(client, venues);
      await writeEvents(client, source, rest);
      killPoint('events.written');
    });
  const memory = mergeMemory(BATCH_ROWS);
  let series = 0;
  let recomputed = 0;
  for (const group of groups) {
    if (signal.aborted) return { series, recomputed, interrupted: true };
    recomputed += await inTransaction(db, async (client) => {
      await alone(client, venues);
      await writeEvents(
        client,
        source,
        only(changes, (event) => group.companies.has(companyOf(event))),
      );
      const made = await makeAgain(client, memory, group, partitions, hypertable);
      const rows = made + (await computeAgain(client, memory, group, hypertable));
      killPoint('events.recomputed');
      return rows;
    });
    killPoint('events.committed');
    series += group.series.length;
    onProgress(series, touched.length);
  }
  return { series, recomputed, interrupted: false };
}

function allOf({ added, changed, removed, takenOver }: EventChanges): MarketEvent[] {
  return [...added, ...changed, ...removed, ...takenOver];
}

function venuesOf(events: readonly MarketEvent[]): string[] {
  return events.map(({ venue }) => venue);
}

function symbolOf({ venue, symbol }: { readonly venue: string; readonly symbol: string }): string {
  return `${venue}\n${symbol}`;
}

function only(changes: EventChanges, wants: (event: MarketEvent) => boolean): EventChanges {
  const some = (events: readonly MarketEvent[]): MarketEvent[] => events.filter(wants);
  return {
    added: some(changes.added),
    changed: some(changes.changed),
    removed: some(changes.removed),
    takenOver: some(changes.takenOver),
  };
}

/** Nobody claims anything until we commit; where a load is at work on these venues, it is left alone. */
async function alone(client: ClientBase, venues: readonly string[]): Promise<void> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  const { rowCount } = await client.query(
    `SELECT FROM backhaul.task WHERE state = 'running' AND plan->>'venue' = ANY ($1) LIMIT 1`,
    [venues],
  );
  if (rowCount === 0) return;
  throw new BackhaulError({
    kind: 'database',
    message: 'A load is at work on the venue of these events.',
    hint: 'Wait for it to end; npx backhaul status shows it. The same command goes on then.',
  });
}

/** The series in which the indicators follow from these events. Dividends and names leave them as they are. */
async function seriesTouched(db: Pool, events: readonly MarketEvent[]): Promise<SplitSeries[]> {
  const days = new Map<string, Day[]>();
  for (const event of await withLaterNames(
    db,
    events.filter(({ kind }) => kind === 'split'),
  )) {
    const known = days.get(symbolOf(event));
    if (known === undefined) days.set(symbolOf(event), [event.day]);
    else known.push(event.day);
  }
  if (days.size === 0) return [];
  const ids = await seriesOf(db, [...days.keys()]);
  const all = (await readSeries(db, ALL_SERIES, ids)).filter(({ lastUs }) => lastUs !== null);
  const { facts } = await readCoverage(db, all);
  const clocks = new Map<string, SessionClock>();
  return all.flatMap((series) => {
    const zone = facts.get(series.seriesId)!.sessionZone;
    const clock = clocks.get(zone) ?? SessionClock.zone(zone);
    clocks.set(zone, clock);
    const own = days.get(symbolOf(series))!.toSorted((a, b) => a - b);
    const fromUs = own
      .map((day) => splitFrom(day, series.intervalS * 1e6, clock))
      .filter((us) => us <= series.lastUs!);
    return fromUs.length === 0 ? [] : [{ series, zone, days: own, fromUs }];
  });
}

/** By the renames that were carried out: their names have events in common. */
async function readCompanies(db: Db): Promise<CompanyOf> {
  const { rows } = await db.query<{ venue: string; symbol: string; later: string }>(
    `SELECT venue, symbol, new_symbol AS later FROM backhaul.event
     WHERE kind = 'rename' AND joined_at IS NOT NULL ORDER BY day`,
  );
  const later = new Map(rows.map((row) => [symbolOf(row), symbolOf({ ...row, symbol: row.later })]));
  return (one) => {
    const names = [symbolOf(one)];
    for (;;) {
      const next = later.get(names.at(-1)!);
      if (next === undefined) return names.at(-1)!;
      const at = names.indexOf(next);
      // A name that comes back: all of the circle are one.
      if (at !== -1) return names.slice(at).sort()[0]!;
      names.push(next);
    }
  };
}

/** The splits, and once more under each later name under which the bars of that day stand. */
async function withLaterNames(
  db: Db,
  splits: readonly MarketEvent[],
): Promise<{ readonly venue: string; readonly symbol: string; readonly day: Day }[]> {
  if (splits.length === 0) return [];
  const { rows } = await db.query<{ venue: string; symbol: string; day: Day }>(
    `SELECT DISTINCT w.venue, r.symbol, w.day
     FROM (SELECT DISTINCT venue, new_symbol AS symbol FROM backhaul.event
           WHERE kind = 'rename' AND joined_at IS NOT NULL) r
     CROSS JOIN LATERAL backhaul.names_of(r.venue, r.symbol) n
     JOIN unnest($1::text[], $2::text[], $3::int[]) AS w (venue, symbol, day)
       ON w.venue = r.venue AND w.symbol = n.name AND date '1970-01-01' + w.day < n.until AND n.name <> r.symbol`,
    [venuesOf(splits), splits.map(({ symbol }) => symbol), splits.map(({ day }) => day)],
  );
  return [...splits, ...rows];
}

async function seriesOf(db: Db, symbols: readonly string[]): Promise<Set<number>> {
  const names = symbols.map((symbol) => symbol.split('\n'));
  const { rows } = await db.query<{ id: number }>(
    `SELECT series_id AS id FROM backhaul.series WHERE (venue, symbol) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [names.map(([venue]) => venue), names.map(([, symbol]) => symbol)],
  );
  return new Set(rows.map(({ id }) => id));
}

/** All series of a company in one transaction, for they have its events in common; a long one has its own. */
function groupsOf(touched: readonly SplitSeries[], companyOf: CompanyOf): Group[] {
  const groups: Group[] = [];
  let bars = 0;
  for (const some of Map.groupBy(touched, ({ series }) => companyOf(series)).values()) {
    const most = some.reduce((sum, one) => sum + barsBehind(one), 0);
    let group = groups.at(-1);
    if (group === undefined || bars + most > GROUP_BARS || group.series.length >= GROUP_SERIES) {
      group = { companies: new Set(), series: [] };
      groups.push(group);
      bars = 0;
    }
    group.companies.add(companyOf(some[0]!.series));
    group.series.push(...some);
    bars += most;
  }
  return groups;
}

function barsBehind({ series, fromUs }: SplitSeries): number {
  return (series.lastUs! - fromUs[0]!) / (series.intervalS * 1e6) + 1;
}

/**
 * Longer bars in the middle of which one of the splits falls, made again of the shorter ones. Resolves to the rows
 * written.
 */
async function makeAgain(
  client: ClientBase,
  memory: MergeMemory,
  { series }: Group,
  partitions: Partitions,
  hypertable: boolean,
): Promise<number> {
  const ids = series.map((one) => one.series.seriesId);
  const touched = new Map(series.map((one) => [one.series.seriesId, one]));
  const derivations = [
    ...(await readDerivations(client, ids)),
    ...(await readDerivations(client, ids, 'from')),
  ];
  const pairs = new Map(derivations.map((one) => [`${one.fromSeriesId} ${one.seriesId}`, one]));
  const targets = [...new Set(derivations.map(({ seriesId }) => seriesId))];
  const bases = new Map((await basesOf(client, targets)).map((one) => [one.seriesId, one.bases]));
  let written = 0;
  // The longest first: what shorter bars make takes its place.
  for (const pair of [...pairs.values()].sort((a, b) => b.fromIntervalS - a.fromIntervalS)) {
    const { seriesId, fromSeriesId, rollupS, fromIntervalS } = pair;
    const { series: one, zone, days } = (touched.get(seriesId) ?? touched.get(fromSeriesId))!;
    const clock = SessionClock.zone(zone);
    const inside = days
      .map((day) => ({ at: splitFrom(day, fromIntervalS * 1e6, clock), day }))
      .filter(({ at, day }) => splitFrom(day, rollupS * 1e6, clock) < at);
    if (inside.length === 0) continue;
    await lockRollups(client, one, [rollupS]);
    const deriver = new Deriver(client, memory, {
      session: clock,
      sessionZone: zone,
      hypertable,
      asked: INDICATOR_NAMES.map(() => true),
      taskId: null,
      leavesFor: (stamps) => partitions.ensure(stamps, { standing: true }),
    });
    const others = (bases.get(seriesId) ?? []).filter((other) => other.seriesId !== fromSeriesId);
    const at = inside.map((day) => ({ fromUs: day.at, toUs: day.at + 1 }));
    const [derived] = await deriver.derive({
      base: { seriesId: fromSeriesId, intervalS: fromIntervalS },
      targets: [{ target: { seriesId, intervalS: rollupS }, others, touched: at }],
      known: [],
      claims: false,
    });
    written += derived!.written;
  }
  return written;
}

/**
 * The indicators of a group's series from each day on that changes, to where they are what they were: a walk a day, for
 * between two days they may be. Resolves to the rows written.
 */
async function computeAgain(
  client: ClientBase,
  memory: MergeMemory,
  { series }: Group,
  hypertable: boolean,
): Promise<number> {
  let rows = 0;
  for (const [zone, some] of Map.groupBy(series, (one) => one.zone)) {
    const settings = {
      session: SessionClock.zone(zone),
      hypertable,
      asked: NOT_ASKED,
      taskId: null,
      toTheEnd: false,
    };
    const most = some.reduce((sum, { fromUs }) => Math.max(sum, fromUs.length), 0);
    for (let i = 0; i < most; i++) {
      const rewriter = new Rewriter(client, memory, settings);
      const changed = some
        .filter(({ fromUs }) => i < fromUs.length)
        .map(({ series: { seriesId, intervalS }, fromUs }) => ({
          seriesId,
          intervalUs: intervalS * 1e6,
          fromUs: fromUs[i]!,
          goneUntilUs: Number.NEGATIVE_INFINITY,
          rows: NO_ROWS,
        }));
      await rewriter.rewrite(null, changed, 'none');
      for (const count of rewriter.changed.values()) rows += count;
    }
  }
  return rows;
}

async function symbolsWithoutSeries(
  db: Db,
  events: readonly MarketEvent[],
): Promise<Pick<EventSummary, 'unknownSymbols' | 'venuesThatHaveThem'>> {
  const { rows } = await db.query<{ name: string; venues: string[] }>(
    `SELECT n.venue || ' ' || n.symbol AS name, array_remove(array_agg(DISTINCT s.venue), NULL) AS venues
     FROM (SELECT DISTINCT venue, symbol FROM unnest($1::text[], $2::text[]) AS n (venue, symbol)) n
     LEFT JOIN backhaul.series s ON s.symbol = n.symbol
     GROUP BY n.venue, n.symbol HAVING count(*) FILTER (WHERE s.venue = n.venue) = 0 ORDER BY name`,
    [venuesOf(events), events.map(({ symbol }) => symbol)],
  );
  return {
    unknownSymbols: rows.map(({ name }) => name),
    venuesThatHaveThem: [...new Set(rows.flatMap(({ venues }) => venues))].sort(),
  };
}
