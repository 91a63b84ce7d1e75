import { beforeEach, describe, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { start } from '../survive/program.ts';
import { candles, scratchFolder, wipe } from './loading.ts';
import { walk as bars4h, krakenCsv, write } from './market.ts';

/**
 * Files of both names of a renamed company are one series, whatever is loaded first: the same table as of one file that
 * has borne the later name all the time.
 */

const { pool: db, url } = await testDatabase();
const folder = scratchFolder();
const HEADER = 'Date,Open,High,Low,Close,Volume';
const layoutOfAll = (paths: string): string => `name: us
paths: '${paths}'
columns: { symbol: Symbol, time: Date, open: Open, high: High, low: Low, close: Close, volume: Volume }
header: required
time: { unit: text, zone: America/New_York }
venue: us
symbol: { column: symbol }
interval: 1d
order: symbol-time
`;
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
  days: write(folder, 'days.yaml', layoutOfAll('all-\\d+\\.txt$')),
  /** Whose names tell their months. */
  months: write(folder, 'months.yaml', layoutOfAll('all-(?<year>\\d{4})-(?<month>\\d\\d)\\.txt$')),
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
function shared(part: number | string, oldName: string, of: (one: Day) => boolean): string {
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
  const scan = ['gaps', 'scan', '--intervals', '1d', '--quick', '--to'] as const;
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
      await run(...scan, '2022-07-17', ...from);
      if (from.length === 0) {
        // By a file that ends before the gap does, in part: what is still missing stays on record.
        const { code, stdout } = await fill(layouts.own, own('part', 'OLD', old.slice(11, 30)));
        const [gap, sum] = stdout.trim().split('\n').slice(-2);
        expect([code, JSON.parse(sum!)]).toMatchObject([3, { filled: 0, partly: 1, remaining: 1 }]);
        expect(JSON.parse(gap!)).toMatchObject({ type: 'gap', symbol: 'NEW', candles: old.length - 30 });
        // Killed between the file's commit and that which makes one of both names; the same command goes on.
        expect(
          await start(['gaps', 'fill', file, '--layout', layouts.own, '--workers', '1'], {
            env: { DATABASE_URL: url, BACKHAUL_KILL_AT: 'market.joined' },
          }).ended,
        ).toMatchObject({ signal: 'SIGKILL' });
      }
      const filled = await fill(layouts.own, file);
      expect(filled).toMatchObject({ code: 0 });
      expect(JSON.parse(filled.stdout.trim().split('\n').at(-1)!)).toMatchObject({
        gaps: 1,
        filled: 1,
        remaining: 0,
      });
      expect(await candles(db)).toBe(whole);
    }
  });

  it('is filled by the records that bear that name in files of all symbols, as far as they were asked for', async () => {
    const [a, b, c] = ['2022-04', '2022-05', '2022-06'].map((month) =>
      shared(month, 'OLD', ({ day }) => day.startsWith(month)),
    ) as [string, string, string];
    // Until the day before, the new name was a third company's: in those days it is not asked for.
    const third = 'venue,symbol,date,event,value\nus,NEW,2022-06-01,rename,THIRD\n';
    await run('events', 'load', events('OLD'));
    await run('events', 'load', write(folder, 'third.csv', third));
    await load(layouts.months, a, b, c);
    const ofNew = await linesOf('NEW');
    await wipe(db);
    await load(layouts.months, a, c);
    await run(...scan, '2022-06-30');
    expect(await fill(layouts.months, b, '--symbols', 'NEW')).toMatchObject({ code: 0 });
    expect(await linesOf('NEW')).toEqual(ofNew);
    expect((await linesOf('AAA')).some((line) => line.includes('"2022-05-10'))).toBe(false);
    const { rows } = await db.query(
      `SELECT plan->'wantSymbols' AS names FROM backhaul.task WHERE uri LIKE '%all-2022-05.txt'`,
    );
    expect(rows).toEqual([{ names: { OLD: 'OLD' } }]);
    // What the file was asked for under the old name is no gap of the new one any more.
    const { stdout } = await answerOf([...scan, '2022-06-30', '--symbols', 'NEW', '--json'], {
      env: { DATABASE_URL: url },
    });
    expect(stdout).not.toContain('"type":"gap"');
  });
});

describe('a pair of currencies that was renamed', () => {
  it('goes where bars of its former name have gone, under each of its spellings', async () => {
    const [from, day, end] = ['2024-03-01', '2024-03-20', '2024-04-01'].map(
      (text) => Date.parse(text) / 1000,
    );
    const all = bars4h('XBTOLD', from!, end!, 14_400, 5, 0.9);
    const file = (place: string, symbol: string, of: (time: number) => boolean): string =>
      write(folder, `${place}/${symbol}_240.csv`, krakenCsv(all.filter(({ time }) => of(time))));
    const middle = from! + 8 * 86_400;
    const told = write(
      folder,
      'pair.csv',
      'venue,symbol,date,event,value\nkraken,XBTOLD,2024-03-20,rename,NEWUSD\n',
    );
    const first = file('first', 'XBTOLD', (time) => time < middle);
    const later = file('later', 'NEWUSD', (time) => time >= day!);
    const tables: string[] = [];
    for (const symbol of ['XBTOLD', 'BTCOLD']) {
      await wipe(db);
      await db.query('DELETE FROM backhaul.event');
      await run('events', 'load', told);
      await run('load', first, later, '--workers', '1');
      await run(
        'load',
        file('second', symbol, (time) => time >= middle && time < day!),
        '--workers',
        '1',
      );
      tables.push(await candles(db));
    }
    expect(tables[0]!.split('\n')).toHaveLength(all.length);
    expect(tables[1]).toBe(tables[0]);
  });
});
