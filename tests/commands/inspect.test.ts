import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadLayout } from '../../src/producer/layouts/named_layout.ts';
import { answerOf } from './in_process.ts';
import { scratchFolder } from './run_cli.ts';

const folder = scratchFolder();
writeFileSync(
  join(folder, 'ACME_1h.csv'),
  'When,Open,High,Low,Close,Vol\n2024-01-02 10:00,1,2,1,2,5\n2024-01-02 11:00,2,3,2,3,6\n',
);
const inspect = (...args: string[]) => answerOf(['inspect', 'ACME_1h.csv', ...args], { cwd: folder });

it('inspect --write drafts a layout that reads the file, and writes over nothing', async () => {
  const written = await inspect('--write', 'my.yaml', '--zone', 'Europe/Paris', '--venue', 'desk', '--json');
  expect(written.code).toBe(0);
  expect(JSON.parse(written.stdout)).toMatchObject({
    type: 'inspection',
    layout_from: 'draft',
    venue: { value: 'desk' },
    reading: { bars: 2, first: [{ bar_ts: '2024-01-02T09:00:00.000000Z' }, {}] },
  });
  expect(written.stderr).toContain('load FILE --layout my.yaml');
  const layout = await loadLayout(join(folder, 'my.yaml'), []);
  expect(layout).toMatchObject({ interval: { kind: 'name' }, time: { zone: 'Europe/Paris' } });
  const again = await inspect('--write', 'my.yaml');
  expect(again).toMatchObject({ code: 2 });
  expect(again.stderr).toContain('--force writes over it');
  expect(readFileSync(join(folder, 'my.yaml'), 'utf8')).toContain('Europe/Paris');
});

it('inspect of a file of no known layout says what a draft would read, and that load would not', async () => {
  const { code, stdout, stderr } = await inspect();
  expect(code).toBe(3);
  expect(stdout).toContain('drafted: no known layout fits');
  expect(stderr).toContain('--write my.yaml');
});

it('inspect --write says of a draft that a load would still refuse, what has to be said in it', async () => {
  writeFileSync(
    join(folder, 'DAYS_1d.csv'),
    'Date,Open,High,Low,Close\n03/04/2024,1,2,1,2\n05/06/2024,2,3,2,3\n',
  );
  for (const [path, lead] of [
    ['days.yaml', 'Written to days.yaml, but not whole yet: a load of the file by it would fail:'],
    ['-', 'Not whole yet: a load of the file by it would fail:'],
  ] as const) {
    const { code, stderr } = await answerOf(['inspect', 'DAYS_1d.csv', '--write', path], { cwd: folder });
    expect(code).toBe(3);
    expect(stderr).toContain(lead);
    expect(stderr).toContain('d/M/yyyy');
    expect(stderr).not.toContain('Next: npx backhaul load');
  }
});

it('inspect drafts a layout for a file whose name is one of another vendor, which cannot read it', async () => {
  // Bybit's API as a table: milliseconds, where Kraken's names promise seconds.
  writeFileSync(
    join(folder, 'BTCUSDT_60.csv'),
    'startTime,openPrice,highPrice,lowPrice,closePrice,volume,turnover\n1704067200000,5,9,4,6,1.5,9\n1704070800000,6,9,5,7,2.5,17\n1704074400000,7,9,6,8,1,8\n',
  );
  const { code, stdout, stderr } = await answerOf(
    ['inspect', 'BTCUSDT_60.csv', '--write', 'bybit.yaml', '--json'],
    { cwd: folder },
  );
  expect(stderr).toContain('Its name is one of kraken-ohlcvt, which cannot read it');
  expect(stderr).toContain('Nothing in the file tells where it was traded');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    layout_from: 'draft',
    reading: { bars: 3, first: [{ bar_ts: '2024-01-01T00:00:00.000000Z', close: 6 }, {}, {}] },
  });
});
