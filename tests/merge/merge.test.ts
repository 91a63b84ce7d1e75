import fc from 'fast-check';
import type { Client } from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { BarColumns, INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { isCheckpoint } from '../../src/indicators/checkpoints.ts';
import { decodeState, SessionClock, STATE_LENGTH } from '../../src/indicators/engine.ts';
import { mergeMemory } from '../../src/merge/merge_memory.ts';
import { Merge, type MergeCounts } from '../../src/merge/merge_rows.ts';
import { Rewriter } from '../../src/merge/rewriter.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import { noteWithheld } from '../../src/state/series/withheld.ts';
import { testDatabase } from '../database.ts';
import { wipe } from '../e2e/loading.ts';
import { PlainLoops } from '../indicators/plain_loops.ts';
import { firstDifference, randomOf } from '../indicators/series.ts';

/** Merges held against loops over the whole series: to the bit, whatever came in which order. */

const database = await testDatabase();
const db = database.pool;
const MINUTE_US = 60_000_000;
/** 2024-03-09: New York's short day is among those that follow. */
const START_US = Date.UTC(2024, 2, 9) * 1000;
const ALL = INDICATOR_NAMES.map(() => true);
/** Small, so that a merge takes many rounds. */
const memory = mergeMemory(512);

let client: Client;
beforeEach(async () => {
  await wipe(db);
  client = await database.client();
  await client.query(
    `INSERT INTO backhaul.task (task_id, uri, etag, size_bytes) OVERRIDING SYSTEM VALUE VALUES (7, 'file', 'x', 1)`,
  );
  const partitions = new Partitions(db, false);
  for (let month = 2; month < 8; month++)
    await partitions.ensure([Date.UTC(2024, month, 1) * 1000], { standing: true });
});

interface Series {
  readonly id: number;
  readonly bars: BarColumns;
}

async function seriesOf(symbol: string, bars: BarColumns): Promise<Series> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('v', $1, 60)
     ON CONFLICT (venue, symbol, interval_s) DO UPDATE SET venue = 'v' RETURNING series_id AS id`,
    [symbol],
  );
  return { id: rows[0]!.id, bars };
}

type Pick = { readonly series: Series; readonly rows: readonly number[] };

interface How {
  readonly zone?: string;
  readonly asked?: readonly boolean[];
  readonly onConflict?: 'keep' | 'replace';
  readonly batchRows?: number;
}

/** Merges rows of series, as one file of theirs would be. */
async function merge(picks: readonly Pick[], how: How = {}): Promise<MergeCounts> {
  const { zone = 'UTC', asked = ALL, onConflict = 'keep', batchRows = 512 } = how;
  await client.query('BEGIN');
  const work = new Merge(client, memory, {
    session: SessionClock.zone(zone),
    hypertable: false,
    asked,
    taskId: 7,
    intervalUs: MINUTE_US,
    onConflict,
  });
  const batch = new BarColumns(batchRows, false);
  const flush = async (): Promise<void> => {
    await work.take(batch, null, batch.length);
    batch.length = 0;
  };
  for (const { series, rows } of picks) {
    for (const row of rows) {
      if (batch.length === batchRows) await flush();
      batch.append(series.bars, row, row + 1);
      batch.symbol[batch.length - 1] = series.id;
    }
  }
  await flush();
  await noteWithheld(
    client,
    Int32Array.from(picks, (pick) => pick.series.id),
    asked,
  );
  const counts = await work.finish();
  await client.query('COMMIT');
  return counts;
}

const COLUMNS = ['ts', 'close', ...INDICATOR_NAMES] as const;

/** Rows of a series as they stand, with their states. */
async function standing({ id }: Series): Promise<{
  readonly rows: Record<(typeof COLUMNS)[number], number | null>[];
  readonly states: Map<number, Float64Array>;
}> {
  const us = (name: string): string => `round(extract(epoch FROM ${name}) * 1000000)::float8`;
  const { rows } = await client.query(
    `SELECT ${us('ts')} AS ts, close, ${INDICATOR_NAMES.join(', ')} FROM backhaul.bars WHERE series_id = $1 ORDER BY bars.ts`,
    [id],
  );
  const found = await client.query<{ ts: number; state: Buffer }>(
    `SELECT ${us('ts')} AS ts, state FROM backhaul.indicator_state WHERE series_id = $1 ORDER BY indicator_state.ts`,
    [id],
  );
  const states = new Map(
    found.rows.map(({ ts, state }) => {
      const decoded = new Float64Array(STATE_LENGTH);
      decodeState(state, decoded);
      return [ts, decoded] as const;
    }),
  );
  return { rows, states };
}

/** The table holds these rows of the series, their indicators and their states as loops over all of them make them. */
async function expectAsFromScratch(
  series: Series,
  rows: readonly number[],
  zone = 'UTC',
  has: (row: number, indicator: number) => boolean = () => true,
): Promise<void> {
  const bars = new BarColumns(rows.length);
  for (const row of rows) bars.append(series.bars, row, row + 1);
  const plain = new PlainLoops(SessionClock.zone(zone));
  const { rows: found, states } = await standing(series);
  expect(found.map((row) => row.ts)).toEqual([...bars.ts.subarray(0, rows.length)]);
  const wanted = new Set<number>();
  for (let i = 0; i < rows.length; i++) {
    plain.run(bars, i, i + 1);
    const ts = bars.ts[i]!;
    if (isCheckpoint(ts, MINUTE_US) || i === rows.length - 1) wanted.add(ts);
    const state = states.get(ts);
    if (state === undefined) continue;
    const slot = firstDifference(plain.state(), state, STATE_LENGTH);
    expect(`state of row ${i} differs at ${slot}`).toBe(`state of row ${i} differs at -1`);
  }
  expect([...wanted].filter((ts) => !states.has(ts))).toEqual([]);
  expect([...states.keys()].filter((ts) => !found.some((row) => row.ts === ts))).toEqual([]);
  for (const [k, name] of INDICATOR_NAMES.entries()) {
    const wrong = found.findIndex((row, i) => {
      const value = has(rows[i]!, k) ? bars.indicators[k]![i]! : Number.NaN;
      return !Object.is(row[name] ?? Number.NaN, value);
    });
    expect(`${name} differs at row ${wrong}`).toBe(`${name} differs at row -1`);
  }
}

type Kind = 'walk' | 'flat' | 'steps' | 'denormal';

function barsOfKind(kind: Kind, count: number, seed: number): BarColumns {
  const random = randomOf(seed);
  const bars = new BarColumns(count);
  let price = 100;
  for (let i = 0; i < count; i++) {
    if (kind === 'walk' || (kind === 'steps' && random() < 0.01)) price *= 1 + (random() - 0.5) / 50;
    if (kind === 'denormal') price = 5e-324 * (1 + Math.floor(random() * 9));
    bars.ts[i] =
      i === 0
        ? START_US
        : bars.ts[i - 1]! + MINUTE_US * (random() < 0.02 ? 1 + Math.floor(random() * 90) : 1);
    bars.open[i] = price;
    bars.close[i] = price;
    bars.high[i] = kind === 'walk' ? price * (1 + random() / 500) : price;
    bars.low[i] = price;
    bars.volume[i] = random() < 0.05 ? 0 : Math.round(random() * 1000);
    bars.trades[i] = 1 + Math.floor(random() * 9);
    bars.line[i] = i + 1;
  }
  bars.length = count;
  return bars;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a merge leaves what a load from scratch would have made, to the bit', () => {
  const COUNT = 7_000;
  const kind = fc.constantFrom<Kind>('walk', 'walk', 'flat', 'steps', 'denormal');

  it('in any order of pieces, of any sort of series, with any holes', async () => {
    let symbol = 0;
    const property = fc.asyncProperty(
      kind,
      fc.nat(1_000),
      fc.constantFrom('UTC', 'America/New_York'),
      // Places to cut at, and for each piece when it comes; those that never come are holes.
      fc.array(fc.tuple(fc.nat(COUNT - 1), fc.nat(9)), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 40, max: 512 }),
      async (what, seed, zone, cuts, batchRows) => {
        const series = await seriesOf(`S${symbol++}`, barsOfKind(what, COUNT, seed));
        const starts = [...new Map([[0, 5], ...cuts])].sort(([a], [b]) => a - b);
        const pieces = starts.map(([from, when], i) => ({
          when,
          rows: upTo(COUNT).slice(from, starts[i + 1]?.[0] ?? COUNT),
        }));
        const coming = pieces.filter(({ when }) => when !== 9).sort((a, b) => a.when - b.when);
        const there = new Set<number>();
        for (const { rows } of coming) {
          // It overlaps what stands.
          const more =
            rows.at(-1)! + 30 < COUNT ? [...rows, ...upTo(30).map((i) => rows.at(-1)! + 1 + i)] : rows;
          const before = there.size;
          for (const row of more) there.add(row);
          const counts = await merge([{ series, rows: more }], { zone, batchRows });
          expect(counts).toMatchObject({ loaded: there.size - before, conflicts: 0 });
          expect(counts.duplicates).toBe(more.length - counts.loaded);
        }
        await expectAsFromScratch(
          series,
          [...there].sort((a, b) => a - b),
          zone,
        );
      },
    );
    await fc.assert(property, { numRuns: 6 });
  });

  it('of many series at once, some new, some with holes far apart', async () => {
    const many: Series[] = [];
    for (const n of upTo(12)) {
      const bars = barsOfKind(n % 3 === 2 ? 'steps' : 'walk', 300 + n * 500, n);
      many.push(await seriesOf(`M${n}`, bars));
    }
    const isHole = (n: number, row: number): boolean => row % 2_100 > 1_000 && row % 2_100 < 1_003 + 7 * n;
    const rowsOf = (n: number): number[] => upTo(many[n]!.bars.length);
    await merge(
      many
        .slice(1)
        .map((series, i) => ({ series, rows: rowsOf(i + 1).filter((row) => !isHole(i + 1, row)) })),
    );
    await merge(
      many.map((series, n) => ({ series, rows: rowsOf(n).filter((row) => n === 0 || isHole(n, row)) })),
    );
    for (const [n, series] of many.entries()) await expectAsFromScratch(series, rowsOf(n));
  });

  it('where bars are replaced, by those of another price', async () => {
    const old = await seriesOf('R', barsOfKind('walk', 6_000, 1));
    await merge([{ series: old, rows: upTo(6_000) }]);
    const bars = barsOfKind('walk', 6_000, 1);
    for (const row of [10, 700, 701, 702, 5_990]) bars.close[row]! *= 1.01;
    const fixed = { id: old.id, bars };
    const rows = upTo(6_000);
    expect(await merge([{ series: fixed, rows }])).toMatchObject({
      loaded: 0,
      duplicates: 6_000,
      conflicts: 5,
      recomputed: 0,
    });
    await expectAsFromScratch(old, rows);
    const counts = await merge([{ series: fixed, rows }], { onConflict: 'replace' });
    expect(counts).toMatchObject({ loaded: 5, duplicates: 5_995, conflicts: 5 });
    await expectAsFromScratch(fixed, rows);
  });

  it('with indicators that were not asked for: NULL in its rows, true where they stand', async () => {
    const series = await seriesOf('I', barsOfKind('walk', 12_000, 3));
    const some = INDICATOR_NAMES.map((name) => name === 'ema_20' || name === 'vwap');
    const none = ALL.map(() => false);
    const rows = upTo(12_000);
    const part = (from: number, to: number): Pick[] => [{ series, rows: rows.slice(from, to) }];
    await merge(part(0, 2_000));
    await merge(part(4_000, 6_000), { asked: none });
    await merge(part(7_000, 12_000));
    // Those that are asked for now appear in all rows that follow, however far.
    await merge(part(3_000, 3_500), { asked: some });
    await merge(part(6_000, 6_500), { asked: none });
    const there = rows.filter(
      (row) => row < 2_000 || (row >= 3_000 && row < 3_500) || (row >= 4_000 && row < 6_500) || row >= 7_000,
    );
    await expectAsFromScratch(series, there, 'UTC', (row, k) => {
      if (row < 2_000 || row >= 7_000) return true;
      return row < 6_000 && some[k]!;
    });
  });
});

describe('a merge reads and writes no more than it must', () => {
  /** Row versions: a row that is written again gets another. */
  async function versions(series: Series): Promise<string[]> {
    const { rows } = await client.query<{ version: string }>(
      'SELECT ctid::text || tableoid AS version FROM backhaul.bars WHERE series_id = $1 ORDER BY ts',
      [series.id],
    );
    return rows.map((row) => row.version);
  }

  it('behind a hole it stops where new and stored states meet', async () => {
    const COUNT = 30_000;
    const series = await seriesOf('B', barsOfKind('walk', COUNT, 5));
    const rows = upTo(COUNT);
    const hole = (row: number): boolean => row >= 2_000 && row < 2_700;
    await merge([{ series, rows: rows.filter((row) => !hole(row)) }], { batchRows: 512 });
    const before = await versions(series);
    const counts = await merge([{ series, rows: rows.filter(hole) }]);
    expect(counts.loaded).toBe(700);
    const after = await versions(series);
    await expectAsFromScratch(series, rows);
    expect(after.slice(0, 2_000)).toEqual(before.slice(0, 2_000));
    const untouched = after.slice(2_700).findLastIndex((version, i) => version !== before[2_000 + i]) + 1;
    expect(untouched).toBeGreaterThan(1_000);
    expect(untouched).toBeLessThan(9_000);
    expect(counts.recomputed).toBeLessThanOrEqual(untouched);
  });

  it('of rows that all stand it writes none', async () => {
    const series = await seriesOf('D', barsOfKind('walk', 3_000, 6));
    const rows = upTo(3_000);
    await merge([{ series, rows }]);
    const before = await versions(series);
    expect(await merge([{ series, rows: rows.slice(100, 2_900) }])).toMatchObject({
      loaded: 0,
      duplicates: 2_800,
      recomputed: 0,
    });
    expect(await versions(series)).toEqual(before);
  });

  it('where states are gone it goes on from the beginning, and puts them back', async () => {
    const series = await seriesOf('G', barsOfKind('walk', 5_000, 8));
    const rows = upTo(5_000);
    await merge([{ series, rows: rows.filter((row) => row !== 2_500) }]);
    await client.query(
      'DELETE FROM backhaul.indicator_state WHERE ts < (SELECT max(ts) FROM backhaul.indicator_state)',
    );
    await merge([{ series, rows: [2_500] }]);
    await client.query('BEGIN');
    const work = new Rewriter(client, memory, {
      session: SessionClock.utcDay(),
      hypertable: false,
      asked: ALL,
      taskId: null,
      toTheEnd: true,
    });
    await work.rewrite(
      null,
      [
        {
          seriesId: series.id,
          intervalUs: MINUTE_US,
          fromUs: -Infinity,
          goneUntilUs: -Infinity,
          rows: new Int32Array(0),
        },
      ],
      'none',
    );
    await client.query('COMMIT');
    expect(work.changed.size).toBe(0);
    await expectAsFromScratch(series, rows);
  });

  it('where bars have gone far behind others that have, what is behind both is computed', async () => {
    const series = await seriesOf('H', barsOfKind('walk', 10_000, 9));
    await merge([{ series, rows: upTo(10_000) }]);
    await client.query('BEGIN');
    const work = new Rewriter(client, memory, {
      session: SessionClock.utcDay(),
      hypertable: false,
      asked: ALL,
      taskId: null,
      toTheEnd: false,
    });
    for (const row of [10, 9_500]) {
      const us = series.bars.ts[row]!;
      await client.query(
        'DELETE FROM backhaul.bars WHERE series_id = $1 AND ts = to_timestamp($2::float8 / 1000000)',
        [series.id, us],
      );
      const gone = { fromUs: us, goneUntilUs: us, rows: new Int32Array(0) };
      await work.rewrite(null, [{ seriesId: series.id, intervalUs: MINUTE_US, ...gone }], 'all');
    }
    await work.finish();
    await client.query('COMMIT');
    await expectAsFromScratch(
      series,
      upTo(10_000).filter((row) => row !== 10 && row !== 9_500),
    );
  });
});
