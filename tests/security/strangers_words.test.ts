import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Answer, answerOf } from '../commands/in_process.ts';
import { jsonLines } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder, wipe } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';

/** Names and values of strangers: what they can do to the database, and to a terminal. */

const database = await testDatabase();
const folder = scratchFolder();

function backhaul(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = folder,
): Promise<Answer> {
  return answerOf(args, { cwd, env: { DATABASE_URL: database.url, ...env } });
}

const T0 = Date.UTC(2024, 0, 2, 15) / 1000;
const HEADER = 'ticker,volume,open,close,high,low,window_start,transactions\n';
const row = (symbol: string, minute: number): string =>
  `"${symbol.replaceAll('"', '""')}",1,2,2,2,2,${T0 + 60 * minute}000000000,1\n`;
const day = (symbols: readonly string[]): string =>
  HEADER +
  [...symbols]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap((symbol) => [row(symbol, 0), row(symbol, 1), row(symbol, 3)])
    .join('');
const DAY = 'us_stocks_sip/minute_aggs_v1/2024/01/2024-01-02.csv';

describe('a name that looks like SQL', () => {
  const SYMBOLS = [
    "x'); DROP TABLE backhaul.bars; --",
    "'; DELETE FROM backhaul.series; --",
    'a"b',
    '"',
    "'",
    "''",
    '%',
    '_',
    '\\',
    '\\N',
    '\\.',
    "\\'; SELECT 1; --",
    '$1',
    '$$',
    '{A}',
    '{"a":1}',
    'NULL',
    'A,B',
    'é日本',
    '😀',
    '/*',
    '*/ SELECT 1',
    '$' + '{x}',
    '%s',
    'backhaul.bars',
    '__proto__',
    'constructor',
  ];
  const BY_NAME = ["x'); DROP TABLE backhaul.series; --", 'a"b', '%_', '$1'];

  it('is a symbol like any other: loaded, found again, and found by the flags', async () => {
    const source = join(folder, 'sql');
    write(source, DAY, day(SYMBOLS));
    for (const name of BY_NAME)
      write(source, `${name}-1h-2024-01.csv`, `${T0}000,1,2,0.5,1.5,10,${T0 + 3599}999,1,7,1,1,0\n`);
    write(
      source,
      "it's $1.zip",
      zipBytes(
        BY_NAME.map((name) => ({
          name: `${name}-2h-2024-01.csv`,
          data: `${T0 - 3600}000,1,2,0.5,1.5,10,1,1,7,1,1,0\n`,
        })),
      ),
    );
    const summary = await load(database.url, [source]);
    expect(summary.failures).toEqual([]);
    const { rows } = await database.pool.query<{ symbol: string }>(
      `SELECT DISTINCT symbol FROM backhaul.candles WHERE interval_s = 60`,
    );
    expect(rows.map(({ symbol }) => symbol).sort()).toEqual([...SYMBOLS].sort());
    for (const name of BY_NAME) {
      const { rows: bars } = await database.pool.query<{ intervals: number[] }>(
        `SELECT array_agg(interval_s ORDER BY interval_s) AS intervals FROM backhaul.candles
         WHERE symbol = $1 AND venue = 'binance'`,
        [name],
      );
      expect(bars).toEqual([{ intervals: [3600, 7200] }]);
    }
    // Each command that takes symbols finds this one, and no other.
    const [hostile] = SYMBOLS as [string];
    for (const args of [
      ['validate', '--symbols', hostile, '--json'],
      ['gaps', 'scan', '--symbols', hostile, '--json'],
      ['report', '--symbols', hostile, '--json'],
      ['recompute', '--symbols', hostile, '--json'],
    ]) {
      const { code, stdout, stderr } = await backhaul(args);
      expect([args[0], [0, 3].includes(code ?? -1), stderr]).toEqual([args[0], true, '']);
      const symbols = jsonLines(stdout).flatMap((line) => ('symbol' in line ? [line['symbol']] : []));
      expect(new Set([...symbols, hostile])).toEqual(new Set([hostile]));
    }
    const { stdout } = await backhaul([
      'query',
      `SELECT symbol FROM series WHERE symbol = $q$${hostile}$q$`,
      '--json',
    ]);
    expect(jsonLines(stdout)).toEqual([{ type: 'row', row: { symbol: hostile } }]);
  });

  it('in a flag is refused or finds nothing, and changes nothing', async () => {
    const before = await database.pool.query('SELECT count(*) AS n FROM backhaul.bars');
    const evil = "'); DROP TABLE backhaul.bars; --";
    for (const args of [
      ['load', join(folder, 'sql'), '--symbols', evil],
      ['load', join(folder, 'sql'), '--indicators', evil],
      ['load', join(folder, 'sql'), '--from', evil],
      ['load', join(folder, 'sql'), '--intervals', evil],
      ['load', join(folder, 'sql'), '--layout', evil],
      ['load', join(folder, evil)],
      ['validate', '--symbols', evil],
      ['gaps', 'list', '--state', evil],
      ['gaps', 'cleanup', '--days', evil],
      ['report', '--tiers', evil],
      ['recompute', '--symbols', evil],
      ['retry', evil],
    ])
      expect([args, [0, 2, 3].includes((await backhaul(args)).code ?? -1)]).toEqual([args, true]);
    const after = await database.pool.query('SELECT count(*) AS n FROM backhaul.bars');
    expect(after.rows).toEqual(before.rows);
    await wipe(database.pool);
  });
});

describe('control characters', () => {
  /** What turns colours, titles, directions and lines: escape sequences as C0 and as C1, DEL, BEL, bidi. */
  const EVIL = '\x1b[31m\x1b]0;title\x07\x9b2J\x7f\x08\u202e\u2066\u061c';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

  function expectSafe(what: readonly string[], { stdout, stderr }: Answer): void {
    for (const text of [stdout, stderr]) {
      const at = UNSAFE.exec(text);
      const found =
        at === null ? null : JSON.stringify(text.slice(Math.max(0, at.index - 80), at.index + 10));
      expect([what, found]).toEqual([what, null]);
    }
  }

  it('of files, names, flags, settings and the database reach no terminal', async () => {
    const source = join(folder, `c${EVIL}`);
    const bidi = 'a\u202eb\u2066c\u061c';
    write(source, DAY, day(['AAPL', bidi]).replace('AAPL",1', `AA${EVIL}",1`));
    write(source, `e${EVIL}_60.csv`, `${EVIL},1\n`);
    write(source, `x${EVIL}-1h-2024-01.csv`, `${T0}000,1,2,0.5,1.5,10,1,1,7,1,1,0\n`);
    write(source, `${bidi}-1h-2024-01.csv`, `${T0}000,1,2,0.5,1.5,10,1,1,7,1,1,0\n`);
    write(source, 'XBTUSD_60.csv', `what,is,${EVIL},this,1,1,1\n`);
    write(source, 'ETHUSD_60.csv', `${T0},1,2,0.5,1.5,10,3\n${T0 + 3600},1,${EVIL},0.5,1.5,10,3\n`);
    write(
      source,
      'z.zip',
      zipBytes([
        { name: `y${EVIL}_60.csv`, data: EVIL, flags: 0x800 },
        { name: `y${bidi}.csv`, data: bidi, flags: 0x800 },
      ]),
    );
    const cases: string[][] = [];
    const both = (...args: string[]): number => cases.push(args, [...args, '--json']);
    both('load', source, '--dry-run');
    both('load', source, '--verbose');
    both('load', source);
    both('status');
    both('retry');
    both('gaps', 'scan');
    both('gaps', 'list');
    both('validate');
    both('report');
    both('recompute', '--verbose');
    both('query', 'SELECT * FROM task');
    both('query', 'SELECT * FROM reject');
    both('query', 'SELECT * FROM candles');
    both(
      'query',
      `SELECT 1 AS "${bidi}\x1b[31m", E'\\x1b[31m\\u0085\\u202e\\u2066' AS b, jsonb_build_object('a', E'\\u202e\\x7f') AS c`,
    );
    both('query', `SELECT "${EVIL}"`);
    both('query', `SELECT '${EVIL}'::int`);
    both('load', join(source, `none${EVIL}`));
    both('load', source, '--symbols', EVIL);
    both('load', source, `--un${EVIL}known`);
    both('load', source, '--layout', EVIL);
    both('load', source, '--from', EVIL);
    both('load', `s3://${EVIL}/x`);
    both('load', `https://x/${EVIL}`);
    both('load', `gopher${EVIL}://x`);
    both(`lo${EVIL}ad`);
    both('validate', '--symbols', EVIL);
    both('report', '--tiers', EVIL);
    for (const args of cases) expectSafe(args, await backhaul(args));
    // In the other order of things: settings from the environment and the file.
    expectSafe(['environment'], await backhaul(['load', source], { BACKHAUL_WORKERS: EVIL }));
    const other = join(folder, 'settings');
    mkdirSync(other, { recursive: true });
    for (const yaml of [
      `"un${EVIL.replaceAll('\x1b', '\\e').replaceAll('\x07', '\\a').replaceAll('\x7f', '\\x7f')}": 1`,
      `workers: "${bidi}"`,
      `{${EVIL}`,
      `layout: ${bidi}`,
    ]) {
      writeFileSync(join(other, 'backhaul.yaml'), yaml);
      expectSafe([yaml], await backhaul(['load', source], {}, other));
    }
  }, 600_000);

  it('that the database says are shown by name', async () => {
    await wipe(database.pool);
    await database.pool.query(`
      CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION E'\\x1b[31m\\u009b2J\\u202eevil' USING DETAIL = E'\\x1b[2J', HINT = E'\\u2066\\x07'; END $$;
      CREATE TRIGGER evil BEFORE INSERT ON backhaul.coverage FOR EACH ROW EXECUTE FUNCTION evil()`);
    const source = write(folder, 'plain/XBTUSD_60.csv', `${T0},1,2,0.5,1.5,10,3\n`);
    for (const flags of [[], ['--json'], ['--verbose']]) {
      await database.pool.query('DELETE FROM backhaul.task_event; DELETE FROM backhaul.task');
      const ended = await backhaul(['load', source, ...flags]);
      expect(ended.stdout + ended.stderr).toContain('evil');
      expectSafe(flags, ended);
    }
    await database.pool.query('DROP TRIGGER evil ON backhaul.coverage; DROP FUNCTION evil()');
  });
});
