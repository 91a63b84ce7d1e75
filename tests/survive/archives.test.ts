import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { jsonLines } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { start } from './program.ts';

/** A folder of everything an archive can do to whoever opens it, loaded in one run. */

const database = await testDatabase();
const folder = scratchFolder();

const T0 = Date.UTC(2024, 0, 1) / 1000;
const csv = (bars: number, from = 0): string =>
  Array.from({ length: bars }, (_, i) => `${T0 + 3600 * (from + i)},1,2,0.5,1.5,10,3\n`).join('');
const gz = gzipSync(csv(50));
const flipped = (at: number): Buffer => Buffer.from(gz.map((byte, i) => (i === at ? byte ^ 1 : byte)));
const two = zipBytes([
  { name: 'CUTA_60.csv', data: csv(500) },
  { name: 'CUTB_60.csv', data: csv(500) },
]);
const EMPTY_END = `PK\x05\x06${'\0'.repeat(18)}`;
const BOMB = csv(3) + '\n'.repeat(80 << 20);

/** File → its bytes and the fault expected of each of its tasks; null: it loads. */
const ARCHIVES: Readonly<Record<string, readonly [Uint8Array, (string | null)[]]>> = {
  'good.zip': [zipBytes([{ name: 'GOODA_60.csv', data: csv(50) }]), [null]],
  'zip64.zip': [zipBytes([{ name: 'GOODB_60.csv', data: csv(50), zip64: true }]), [null]],
  'comment.zip': [zipBytes([{ name: 'GOODC_60.csv', data: csv(50) }], 'a remark'), [null]],
  'GOODD_60.csv.gz': [Buffer.concat([gzipSync(csv(20)), gzipSync(csv(30, 20)), Buffer.alloc(512)]), [null]],
  'leads_out.zip': [
    zipBytes([
      { name: '../A_60.csv', data: csv(5) },
      { name: '/etc/B_60.csv', data: csv(5) },
      { name: '..\\C_60.csv', data: csv(5) },
      { name: 'GOODE_60.csv', data: csv(50) },
    ]),
    ['corrupt', 'corrupt', 'corrupt', null],
  ],
  'twice.zip': [
    zipBytes([
      { name: 'TWICE_60.csv', data: csv(5) },
      { name: 'TWICE_60.csv', data: csv(6) },
    ]),
    ['corrupt'],
  ],
  'encrypted.zip': [zipBytes([{ name: 'ENC_60.csv', data: csv(5), flags: 1 }]), ['encrypted']],
  'crc.zip': [zipBytes([{ name: 'CRC_60.csv', data: csv(5), crc: 1 }]), ['corrupt']],
  'states_less.zip': [zipBytes([{ name: 'LESS_60.csv', data: csv(5), uncompressedSize: 9 }]), ['corrupt']],
  'states_more.zip': [zipBytes([{ name: 'MORE_60.csv', data: csv(5), uncompressedSize: 9e5 }]), ['corrupt']],
  'overlap.zip': [
    zipBytes([
      { name: 'OVA_60.csv', data: csv(5) },
      { name: 'OVB_60.csv', data: csv(5), headerOffset: 0 },
    ]),
    ['corrupt', 'corrupt'],
  ],
  'zip_in_zip.zip': [zipBytes([{ name: 'inner.zip', data: two }]), ['unsupported']],
  'lzma.zip': [zipBytes([{ name: 'LZMA_60.csv', raw: Buffer.from('xx'), method: 14 }]), ['unsupported']],
  'another.zip': [zipBytes([{ name: 'LOC_60.csv', data: csv(5), localName: 'X_60.csv' }]), ['corrupt']],
  'cut_directory.zip': [two.subarray(0, two.length - 40), ['truncated']],
  'cut_entry.zip': [two.subarray(0, 300), ['truncated']],
  'hole.zip': [Buffer.concat([two.subarray(0, 200), two.subarray(300)]), ['truncated']],
  'false_end.zip': [zipBytes([{ name: 'FALSE_60.csv', data: csv(5) }], EMPTY_END), ['corrupt']],
  'false_end_behind.zip': [
    Buffer.concat([zipBytes([{ name: 'FALSE_60.csv', data: csv(5) }]), Buffer.from(EMPTY_END)]),
    ['corrupt'],
  ],
  'long_name.zip': [zipBytes([{ name: `${'x'.repeat(3000)}_60.csv`, data: csv(5) }]), ['corrupt']],
  'pictures.zip': [
    zipBytes([{ name: `x${'😀'.repeat(150)}.csv`, data: 'no,bars\n', flags: 0x800 }]),
    ['not-a-bar-file'],
  ],
  'half_a_character.zip': [
    zipBytes([
      { name: 'MANIFEST.json', data: '{"files":{"GOODF_60.csv":50,"\\u0000_60.csv":1,"\\ud83d_60.csv":1}}' },
      { name: 'GOODF_60.csv', data: csv(50) },
    ]),
    [null, 'not-found', 'not-found'],
  ],
  'no_zip.zip': [Buffer.from('plainly no zip'), ['corrupt']],
  'nothing.zip': [Buffer.alloc(0), ['truncated']],
  'bomb.zip': [zipBytes([{ name: 'BOMBA_60.csv', data: BOMB }]), ['limit']],
  'BOMBB_60.csv.gz': [gzipSync(BOMB), ['limit']],
  'CUT_60.csv.gz': [gz.subarray(0, gz.length - 5), ['truncated']],
  'GARBAGE_60.csv.gz': [Buffer.concat([gz, Buffer.from('garbage')]), ['corrupt']],
  'SUM_60.csv.gz': [flipped(gz.length - 6), ['corrupt']],
  'LENGTH_60.csv.gz': [flipped(gz.length - 1), ['corrupt']],
};

it('loads the good files of a folder of hostile archives, and names what is wrong with each of the others', async () => {
  for (const [name, [bytes]] of Object.entries(ARCHIVES)) write(folder, name, bytes);
  const { code, stdout, stderr } = await start(['load', folder, '--json'], {
    env: { DATABASE_URL: database.url },
  }).ended;
  expect([code, stderr]).toEqual([3, '']);
  const summary = jsonLines(stdout).at(-1)!;
  const expected = Object.values(ARCHIVES).flatMap(([, faults]) => faults);
  expect(summary['tasks']).toMatchObject({
    loaded: expected.filter((fault) => fault === null).length,
    failed: expected.filter((fault) => fault !== null).length,
  });
  const { rows } = await database.pool.query<{
    name: string;
    kind: string | null;
    message: string | null;
    where: unknown;
  }>(
    `SELECT regexp_replace(uri, '.*/', '') AS name, error->>'kind' AS kind, error->>'message' AS message,
            error->'where' AS where FROM backhaul.task`,
  );
  const found = Map.groupBy(rows, ({ name }) => name);
  const sorted = (kinds: readonly (string | null)[]): string[] => kinds.map(String).sort();
  for (const [name, [, faults]] of Object.entries(ARCHIVES))
    expect([name, sorted((found.get(name) ?? []).map(({ kind }) => kind))]).toEqual([name, sorted(faults)]);
  for (const { kind, message, where } of rows) {
    if (kind === null) continue;
    expect(message!.length).toBeGreaterThan(8);
    expect(message).not.toMatch(/ at .*:\d+/);
    expect(where).toMatchObject({ uri: expect.stringContaining('file://') });
  }
  // Of the good files everything is there, of the others nothing.
  const { rows: bars } = await database.pool.query<{ symbol: string; bars: number }>(
    'SELECT symbol, count(*) AS bars FROM backhaul.candles GROUP BY 1 ORDER BY 1',
  );
  expect(bars).toEqual(['A', 'B', 'C', 'D', 'E', 'F'].map((x) => ({ symbol: `GOOD${x}`, bars: 50 })));
});

it('tells a person the file, what is wrong and what to do', async () => {
  const { code, stdout } = await start(['status'], { env: { DATABASE_URL: database.url } }).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/failed .*BOMBB_60\.csv\.gz .*\n.*out of all proportion\n/);
  expect(stdout).toMatch(
    /expected at most 200 times its size, found \d+ bytes out of \d+ and more to come\n/,
  );
  expect(stdout).toMatch(/hint: If this is no bomb, allow more: --max-inflate-ratio\./);
});

it('loads a bomb for whoever asks for it', async () => {
  await load(database.url, [write(folder, 'again/BOMBC_60.csv.gz', gzipSync(BOMB))], {
    inflate: { bytes: 1 << 30, ratio: 1100 },
  });
  expect(await candles(database.pool)).toContain('BOMBC');
});
