import { beforeEach, describe, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { candles, scratchFolder, wipe } from './loading.ts';
import { write } from './market.ts';

/**
 * Files of both names of a renamed company are one series, whatever is loaded first: the same table as of one file that
 * has borne the later name all the time.
 */

const { pool: db, url } = await testDatabase();
const folder = scratchFolder();
const HEADER = 'Date,Open,High,Low,Close,Volume';
const layouts = {
  own: write(
    folder,
    'own.yaml',
    `name: us
paths: '(?<symbol>[A-Z]+)_(?<interval>1d)\\.txt$'
columns: { time: Date, open: Open, high: High, low: Low, close: Close, volume: Volume }
header: required
time: { unit: text, zone: America/New_York }
venue: us
symbol: { group: symbol }
interval: { group: interval }
order: time
`,
  ),
  days: write(
    folder,
    'days.yaml',
    `name: us
paths: 'all-\\d+\\.txt$'
columns: { symbol: Symbol, time: Date, open: Open, high: High, low: Low, close: Close, volume: Volume }
header: required
time: { unit: text, zone: America/New_York }
venue: us
symbol: { column: symbol }
interval: 1d
order: symbol-time
`,
  ),
};

interface Day {
  readonly day: string;
  readonly line: string;
}

function walk(from: string, count: number, seed: number): Day[] {
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(Date.parse(from) + i * 86_400_000).toISOString().slice(0, 10);
    // A 2:1 split on the tenth of May, in the time of the old name, and one on the twentieth of June.
    const scale = (day < '2022-05-10' ? 4 : 1) * (day < '2022-06-20' ? 2 : 1);
    const close = scale * (100 + 10 * Math.sin(i / 3 + seed));
    return { day, line: `${day},${close - 1},${close + 2},${close - 3},${close},${1000 + i}` };
  });
}
const company = walk('2022-04-18', 90, 1);
const isOld = ({ day }: Day): boolean => day < '2022-06-02';
const old = company.filter(isOld);
const later = company.filter((one) => !isOld(one));
/** Half a year later another company gets the old name. */
const reused = walk('2022-11-28', 5, 3);

function own(place: string, symbol: string, days: readonly Day[]): string {
  return write(
    folder,
    `${place}/${symbol}_1d.txt`,
    `${HEADER}\n${days.map(({ line }) => line).join('\n')}\n`,
  );
}

/** A file of all symbols a part: `OLD` and `NEW` beside another that is not concerned. */
function shared(part: number, oldName: string, of: (one: Day) => boolean): string {
  const rows = [
    ...[...old.filter(of).map(({ line }) => `${oldName},${line}`)],
    ...[...later.filter(of).map(({ line }) => `NEW,${line}`)],
    ...reused.filter(of).map(({ line }) => `OLD,${line}`),
    ...company.filter(of).map(({ line }) => `AAA,${line}`),
  ];
  const sorted = rows.sort((a, b) => (a.slice(0, 14) < b.slice(0, 14) ? -1 : 1));
  return write(folder, `${oldName}/all-${part}.txt`, `Symbol,${HEADER}\n${sorted.join('\n')}\n`);
}

const events = (name: string): string =>
  write(
    folder,
    `events-${name}.csv`,
    `venue,symbol,date,event,value
us,OLD,2022-06-02,rename,NEW
us,${name},2022-05-10,split,4:1
us,${name},2022-05-20,dividend,1.5
us,NEW,2022-06-20,split,2:1
`,
  );

async function run(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await answerOf(args, { env: { DATABASE_URL: url } });
  expect({ args, code, stderr }).toMatchObject({ code: 0 });
  return stderr;
}

async function adjusted(symbol: string): Promise<string> {
  const { rows } = await db.query<{ text: string }>(
    `SELECT string_agg(c::text, E'\n' ORDER BY ts) AS text FROM backhaul.candles_of('us', $1, '1d', adjust => 'all') c`,
    [symbol],
  );
  return rows[0]!.text;
}

const load = (layout: string, ...files: readonly string[]): Promise<string> =>
  run('load', ...files, '--layout', layout, '--rollups', '1w', '--workers', '2');

beforeEach(async () => {
  await wipe(db);
  await db.query('DELETE FROM backhaul.event');
});

describe('a renamed company', () => {
  it('is one series in whichever order its files and its events come, and a later bearer of its name another', async () => {
    await run('events', 'load', events('NEW'));
    await load(layouts.own, own('whole', 'NEW', company));
    await load(layouts.own, own('whole', 'OLD', reused));
    const whole = await candles(db);
    const factors = await adjusted('NEW');
    const first = own('first', 'OLD', old.slice(0, 20));
    const [behind, both] = [own('parts', 'NEW', later), own('both', 'OLD', [...old, ...reused])];
    const again = own('again', 'OLD', reused);
    const told = events('OLD');
    const orders: readonly (readonly string[])[] = [
      [behind, both, told],
      // The older half comes last, to where the rest has gone.
      [again, told, behind, own('second', 'OLD', old.slice(20)), first],
    ];
    for (const order of orders) {
      await wipe(db);
      await db.query('DELETE FROM backhaul.event');
      for (const file of order) await (file === told ? run('events', 'load', file) : load(layouts.own, file));
      expect([order, await candles(db)]).toEqual([order, whole]);
      expect(await adjusted('NEW')).toBe(factors);
    }
    // The same command again changes nothing.
    await load(layouts.own, ...orders[0]!.filter((file) => file !== told));
    expect(await candles(db)).toBe(whole);
  });

  it('is one series of files that hold all symbols, and of what is asked for by either name', async () => {
    const parts = [
      (one: Day) => one.day < '2022-05-05',
      (one: Day) => one.day >= '2022-05-05' && one.day < '2022-06-15',
      (one: Day) => one.day >= '2022-06-15',
    ];
    await run('events', 'load', events('NEW'));
    // Of one name from the beginning; the other company of the old name is in the last.
    await load(layouts.days, ...parts.map((of, i) => shared(i, 'NEW', of)));
    const whole = await candles(db);
    await wipe(db);
    await db.query('DELETE FROM backhaul.event');
    const [a, b, c] = parts.map((of, i) => shared(i, 'OLD', of)) as [string, string, string];
    await load(layouts.days, c);
    await run('events', 'load', events('OLD'));
    expect(await load(layouts.days, b)).toContain('OLD is us NEW 1d now: 28 bars');
    await load(layouts.days, a);
    expect(await candles(db)).toBe(whole);
    const { stdout } = await answerOf(['report', '--json', '--intervals', '1d'], {
      env: { DATABASE_URL: url },
    });
    expect(stdout).toContain('"symbol":"NEW"');
    const gaps = await answerOf(
      ['gaps', 'scan', '--symbols', 'NEW', '--intervals', '1d', '--to', '2022-07-17', '--json'],
      {
        env: { DATABASE_URL: url },
      },
    );
    expect(gaps.stdout).not.toContain('"type":"gap"');
  });
});

describe('a gap in the time of a former name', () => {
  const scan = ['gaps', 'scan', '--intervals', '1d', '--quick', '--to', '2022-07-17'] as const;
  const fill = (layout: string, ...more: readonly string[]) =>
    answerOf(['gaps', 'fill', ...more, '--layout', layout, '--workers', '1', '--json'], {
      env: { DATABASE_URL: url },
    });
  /** The lines of `candles` that stand under a symbol. */
  const linesOf = async (symbol: string): Promise<string[]> =>
    (await candles(db)).split('\n').filter((line) => line.includes(`,${symbol},`));

  it('is filled by a file that bears that name, with the bars of its time alone, and the table is that of a load of all', async () => {
    const [first, newer] = [own('head', 'OLD', old.slice(0, 12)), own('tail', 'NEW', later)];
    await run('events', 'load', events('OLD'));
    await load(layouts.own, own('full', 'OLD', old), newer);
    const whole = await candles(db);
    const missing = own('fill', 'OLD', [...old.slice(11), ...reused]);
    // Joined before, by bars that came from both; and not: then the fill brings the first bars of the old name.
    for (const [standing, from, file] of [
      [[first, newer], [], missing],
      [[newer], ['--from', '2022-04-18'], own('fill-all', 'OLD', [...old, ...reused])],
    ] as const) {
      await wipe(db);
      await db.query('DELETE FROM backhaul.event');
      await run('events', 'load', events('OLD'));
      await load(layouts.own, ...standing);
      await run(...scan, ...from);
      const filled = await fill(layouts.own, file);
      expect(filled).toMatchObject({ code: 0 });
      expect(JSON.parse(filled.stdout.trim().split('\n').at(-1)!)).toMatchObject({
        gaps: 1,
        filled: 1,
        remaining: 0,
      });
      expect(await candles(db)).toBe(whole);
      // Nothing is left to fill, and a second fill finds nothing to do.
      expect((await fill(layouts.own, file)).stdout).toContain('"gaps":0');
    }
  });

  it('is filled in part where a file ends before it does, and what is still missing stays on record', async () => {
    await run('events', 'load', events('OLD'));
    await load(layouts.own, own('head', 'OLD', old.slice(0, 12)), own('tail', 'NEW', later));
    await run(...scan);
    const filled = await fill(layouts.own, own('part', 'OLD', old.slice(11, 30)));
    const lines = filled.stdout.trim().split('\n');
    expect([filled.code, JSON.parse(lines.at(-1)!)]).toMatchObject([
      3,
      { filled: 0, partly: 1, remaining: 1 },
    ]);
    expect(JSON.parse(lines.at(-2)!)).toMatchObject({ type: 'gap', symbol: 'NEW', candles: old.length - 30 });
  });

  it('is filled by the records that bear that name in files of all symbols, as far as they were asked for', async () => {
    const parts = [
      (one: Day) => one.day < '2022-05-05',
      (one: Day) => one.day >= '2022-05-05' && one.day < '2022-05-20',
      (one: Day) => one.day >= '2022-05-20',
    ];
    const [a, b, c] = parts.map((of, i) => shared(i, 'OLD', of)) as [string, string, string];
    await run('events', 'load', events('OLD'));
    await load(layouts.days, a, b, c);
    const whole = await candles(db);
    const ofNew = await linesOf('NEW');
    for (const symbols of [[], ['--symbols', 'NEW']]) {
      await wipe(db);
      await load(layouts.days, a, c);
      await run(...scan);
      const filled = await fill(layouts.days, b, ...symbols);
      expect({ symbols, filled }).toMatchObject({ filled: { code: 0 } });
      expect(await linesOf('NEW')).toEqual(ofNew);
      expect((await candles(db)) === whole).toBe(symbols.length === 0);
      // What the file was asked for under the old name is no gap of the new one any more.
      expect(
        (await answerOf([...scan, '--symbols', 'NEW', '--json'], { env: { DATABASE_URL: url } })).stdout,
      ).not.toContain('"type":"gap"');
    }
  });
});
