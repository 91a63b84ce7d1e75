import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const folder = scratchFolder();

it('a record whose column tells another venue or interval than the file’s first ones is set aside by name', async () => {
  const record = (venue: string, interval: string, hour: number, price: number): string =>
    `${venue},ABC,${interval},${1704067200 + 3600 * hour},${price},${price},${price},${price},1`;
  // Further down than a head reaches, so that only the records themselves can tell.
  const lines = Array.from({ length: 2000 }, (_, hour) => record('binance', '1h', hour, 10));
  lines.push(
    record('kraken', '1h', 2000, 90),
    record('binance', '1d', 2016, 91),
    record('binance', '1h', 2001, 11),
  );
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'mix.csv'), `ex,sym,tf,t,o,h,l,c,v\n${lines.join('\n')}\n`);
  writeFileSync(
    join(folder, 'mix.yaml'),
    `name: mix
paths: mix\\.csv$
header: required
columns: { time: t, open: o, high: h, low: l, close: c, volume: v, symbol: sym }
time: { unit: s }
venue: { column: ex }
symbol: { column: sym }
interval: { column: tf }
`,
  );
  const run = (args: string[]) => answerOf(args, { cwd: folder, env: { DATABASE_URL: database.url } });
  expect((await run(['load', 'data', '--layout', 'mix.yaml'])).code).toBe(3);
  const bars = 'SELECT venue, interval_s, count(*), max(close) FROM candles GROUP BY 1, 2';
  expect((await run(['query', bars, '--csv'])).stdout).toBe(
    'venue,interval_s,count,max\nbinance,3600,2001,11\n',
  );
  const rejects = 'SELECT line, reason, field FROM reject ORDER BY line';
  expect((await run(['query', rejects, '--csv'])).stdout).toBe(
    'line,reason,field\n2002,other-series,ex\n2003,other-series,tf\n',
  );
});
