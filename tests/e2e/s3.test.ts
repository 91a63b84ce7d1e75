import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LoadOptions, LoadSummary } from '../../src/load/load_events.ts';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines, runCli } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { useTestCredentials } from '../producer/sources/s3/s3_setup.ts';
import type { FaultAction } from '../s3_server/faults.ts';
import { S3Server, TEST_ACCOUNT } from '../s3_server/s3_server.ts';
import { storedObject } from '../s3_server/stored_object.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, massiveDays, walk, write } from './market.ts';

/** A load from S3 gives the table that a load of the same files from a folder gives, whatever the connection does. */

useTestCredentials();
const database = await testDatabase();
const folder = scratchFolder();
const weeks = scratchFolder();
const Q = (quarter: number): number => Date.UTC(2024, 3 * quarter, 1) / 1000;
const HOURS = walk('XBTUSD', Q(0), Q(3), 3600, 3, 0.2);
const quarter = (q: number) => krakenCsv(HOURS.filter((bar) => bar.time >= Q(q) && bar.time < Q(q + 1)));

let server: S3Server;
let expected = '';
const DAY = 'us_stocks_sip/minute_aggs_v1/2024/04/2024-04-02.csv.gz';

/** Workers are threads with an environment of their own, copied from this process's. */
const EAGER = {
  BACKHAUL_IDLE_TIMEOUT_MS: '400',
  BACKHAUL_RETRY_FIRST_PAUSE_MS: '1',
  BACKHAUL_RETRY_LONGEST_PAUSE_MS: '20',
};

const keys = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

function fill(): void {
  server.bucket('flat');
  for (const key of keys())
    server.put('flat', key, readFileSync(join(folder, key)), { checksums: ['sha256'] });
}

const loadS3 = (uri = 's3://flat', options: Partial<LoadOptions> = {}): Promise<LoadSummary> =>
  load(database.url, [uri], { sourceOptions: { endpointUrl: server.endpointUrl }, ...options });

beforeAll(async () => {
  Object.assign(process.env, EAGER);
  massiveDays(folder, 4, ['A', 'NA'], 7);
  for (const q of [0, 1, 2]) write(folder, `kraken/q${q + 1}/XBTUSD_60.csv`, quarter(q));
  await load(database.url, [folder]);
  expected = await candles(database.pool);
  expect(expected.split('\n').length).toBeGreaterThan(1_000);
  server = await new S3Server().start();
});
afterAll(async () => {
  for (const name of Object.keys(EAGER)) delete process.env[name];
  await server.stop();
});
beforeEach(async () => {
  await wipe(database.pool);
  server.reset();
  fill();
});

describe('a bucket', () => {
  it('gives the table that the folder gives, each object read once, and the second time nothing', async () => {
    const first = await loadS3();
    expect(first.tasks).toMatchObject({ loaded: 7, failed: 0 });
    expect(await candles(database.pool)).toBe(expected);
    const whole = () => server.requests.filter((r) => r.operation === 'get' && r.range === null).length;
    expect(whole()).toBe(7);
    const second = await loadS3();
    expect(second).toMatchObject({ nothingToDo: true, tasks: { unchanged: 7 } });
    expect(whole()).toBe(7);
  });

  const actions: readonly FaultAction[] = [
    { kind: 'delay', ms: 30 },
    { kind: 'short-body', bytes: 5_000 },
    { kind: 'short-length', missing: 777 },
    { kind: 'stall', afterBytes: 3_000 },
    { kind: 'status', status: 503, code: 'SlowDown' },
    { kind: 'status', status: 500, code: 'InternalError' },
    { kind: 'no-range' },
  ];
  // Each of the seven objects another one; where there is time, each of them every one.
  const turns = process.env['BACKHAUL_LONG'] === '1' ? [0, 1, 2, 3, 4, 5, 6] : [0, 3];
  it.each(turns)(
    'that does each of its objects another wrong (from %i) gives the same table',
    async (turn) => {
      for (const [i, key] of keys().entries())
        server.fault(actions[(i + turn) % actions.length]!, { on: 'get', key, times: 2 });
      const summary = await loadS3();
      expect(summary.tasks).toMatchObject({ loaded: 7, failed: 0 });
      expect(await candles(database.pool)).toBe(expected);
    },
  );

  it('that hangs up at any byte gives the same table', async () => {
    for (const [i, key] of keys().entries()) {
      const cuts = [-1, 0, 1, 10, 1000, 20_000, 40_001];
      for (const skip of [0, 1, 2]) {
        const afterBytes = cuts[(i + 3 * skip) % cuts.length]!;
        server.fault({ kind: 'cut', afterBytes }, { on: 'get', key, skip });
      }
    }
    const summary = await loadS3();
    expect(summary.tasks).toMatchObject({ loaded: 7, failed: 0 });
    expect(await candles(database.pool)).toBe(expected);
  });

  it('is loaded while it is listed', async () => {
    for (let i = 0; i < 2_100; i++) server.put('flat', `zz/note-${i}.md`, 'no data');
    server.fault({ kind: 'delay', ms: 1_500 }, { on: 'list', skip: 1, times: 100 });
    await loadS3();
    expect(await candles(database.pool)).toBe(expected);
    const firstRead = server.requests.findIndex((r) => r.operation === 'get');
    const lastPage = server.requests.findLastIndex((r) => r.operation === 'list');
    expect(firstRead).toBeLessThan(lastPage);
  });

  it('whose listing fails in between gives the same table', async () => {
    server.fault({ kind: 'cut', afterBytes: 100 }, { on: 'list' });
    server.fault({ kind: 'status', status: 503, code: 'SlowDown' }, { on: 'list', skip: 1 });
    await loadS3();
    expect(await candles(database.pool)).toBe(expected);
  });
});

const without = (pattern: RegExp) =>
  expected
    .split('\n')
    .filter((line) => !pattern.test(line))
    .join('\n');

describe('an object', () => {
  it('swapped between listing and reading fails by name, and is loaded as it is by the next run', async () => {
    const corrected = krakenCsv(
      HOURS.filter((bar) => bar.time >= Q(2) && bar.time < Q(3) && bar.time % 7200 === 0),
    );
    const key = 'kraken/q3/XBTUSD_60.csv';
    server.fault({ kind: 'swap', to: storedObject(corrected) }, { on: 'get', key });
    const first = await loadS3();
    expect(first.tasks).toMatchObject({ loaded: 6, failed: 1 });
    expect(first.failures[0]).toMatchObject({ uri: `s3://flat/${key}`, fault: { kind: 'source-changed' } });
    expect(await candles(database.pool)).toBe(without(/kraken.*2024-0[789]/));
    const second = await loadS3();
    expect(second.tasks).toMatchObject({ loaded: 1, failed: 0 });
    const table = await candles(database.pool);
    await wipe(database.pool);
    write(folder, key, corrected);
    await load(database.url, [folder]);
    write(folder, key, quarter(2));
    expect(table).toBe(await candles(database.pool));
  });

  it('swapped while it is merged together with the late ones beside it fails alone', async () => {
    const days = 7 * 86_400;
    const week = (n: number): string =>
      krakenCsv(HOURS.filter(({ time }) => time >= Q(0) + n * days && time < Q(0) + (n + 1) * days));
    server.bucket('late');
    const key = (n: number): string => `w${n}/XBTUSD_60.csv`;
    for (const n of [0, 1, 2, 3]) server.put('late', key(n), week(n));
    await loadS3('s3://late/w3/');
    server.fault({ kind: 'swap', to: storedObject(week(1).slice(80)) }, { on: 'get', key: key(1) });
    const { tasks, failures } = await loadS3('s3://late');
    expect(tasks).toMatchObject({ loaded: 2, failed: 1 });
    expect(failures[0]).toMatchObject({ uri: `s3://late/${key(1)}`, fault: { kind: 'source-changed' } });
    const table = await candles(database.pool);
    await wipe(database.pool);
    await load(
      database.url,
      [0, 2, 3].map((n) => write(weeks, key(n), week(n))),
    );
    expect(table).toBe(await candles(database.pool));
  });

  it('replaced after it was loaded is loaded again in the place of its old rows', async () => {
    await loadS3();
    const key = 'kraken/q2/XBTUSD_60.csv';
    const corrected = krakenCsv(
      HOURS.filter((bar) => bar.time >= Q(1) && bar.time < Q(2) && bar.time % 10_800 !== 0).map((bar) =>
        bar.time % 5 === 0 ? { ...bar, volume: bar.volume + 1 } : bar,
      ),
    );
    server.put('flat', key, corrected);
    const second = await loadS3();
    expect(second.tasks).toMatchObject({ loaded: 1, unchanged: 6, failed: 0 });
    const table = await candles(database.pool);
    await wipe(database.pool);
    write(folder, key, corrected);
    await load(database.url, [folder]);
    write(folder, key, quarter(1));
    expect(table).toBe(await candles(database.pool));
  });

  it('that vanished is never unloaded', async () => {
    await loadS3();
    server.delete('flat', DAY);
    await loadS3();
    expect(await candles(database.pool)).toBe(expected);
  });

  it.each([
    ['has vanished since', { kind: 'swap', to: null } as const, 'not-found', '404 NoSuchKey'],
    [
      'is forbidden',
      { kind: 'status', status: 403, code: 'AccessDenied' } as const,
      'forbidden',
      '403 AccessDenied',
    ],
  ])('that %s fails alone, and says so', async (_, action, kind, code) => {
    server.fault(action, { on: 'get', key: DAY, times: 100 });
    const summary = await loadS3();
    expect(summary.tasks).toMatchObject({ loaded: 6, failed: 1 });
    expect(summary.failures[0]).toMatchObject({ uri: `s3://flat/${DAY}`, fault: { kind, code } });
    const { rows } = await database.pool.query(
      "SELECT count(*)::int AS n FROM backhaul.candles WHERE ts::date = '2024-04-02' AND venue = 'us_stocks_sip'",
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  it.each(['of its own', 'in SHA256SUMS', 'beside its name'])(
    'with a checksum (%s) that differs leaves nothing',
    async (which) => {
      const key = 'kraken/q1/XBTUSD_60.csv';
      const body = Buffer.from(quarter(0));
      const wrong = createHash('sha256').update('other').digest();
      if (which === 'of its own') {
        server.put('flat', key, body, { checksums: { 'x-amz-checksum-sha256': wrong.toString('base64') } });
      } else {
        const list = which === 'in SHA256SUMS' ? 'kraken/q1/SHA256SUMS' : `${key}.CHECKSUM`;
        server.put('flat', list, `${wrong.toString('hex')}  XBTUSD_60.csv\n`);
      }
      const summary = await loadS3();
      expect(summary.tasks).toMatchObject({ loaded: 6, failed: 1 });
      expect(summary.failures[0]).toMatchObject({ uri: `s3://flat/${key}`, fault: { kind: 'checksum' } });
      const { rows } = await database.pool.query(
        "SELECT min(ts)::text AS first FROM backhaul.candles WHERE venue = 'kraken'",
      );
      expect(rows[0]!.first.slice(0, 7)).toBe('2024-04');
    },
  );
});

describe('filters', () => {
  it('load a quarter of the bucket and no more is read', async () => {
    const summary = await loadS3('s3://flat', { fromUs: Q(1) * 1e6, toUs: Date.UTC(2024, 3, 3) * 1000 });
    expect(summary.tasks.failed).toBe(0);
    const { rows } = await database.pool.query(
      "SELECT min(ts)::text AS first, max(ts) < '2024-04-03Z' AS before FROM backhaul.candles",
    );
    expect(rows[0]).toMatchObject({ before: true });
    expect(rows[0]!.first.slice(0, 10)).toBe('2024-04-01');
  });

  it('take one pair out of a zip by its ranges', async () => {
    const zip = zipBytes([
      ...Array.from({ length: 200 }, (_, i) => ({ name: `P${i}USD_60.csv`, data: quarter(0), method: 0 })),
      { name: 'XBTUSD_60.csv', data: quarter(0) },
    ]);
    server.put('zips', 'Kraken_OHLCVT_2024Q1.zip', zip);
    const summary = await loadS3('s3://zips', { symbols: ['XBTUSD'] });
    expect(summary.tasks).toMatchObject({ loaded: 1, failed: 0 });
    expect(server.bytes('get')).toBeLessThan(Math.min(2_000_000, zip.length / 4));
    const { rows } = await database.pool.query('SELECT count(*)::int AS n FROM backhaul.candles');
    expect(rows[0]!.n).toBe(quarter(0).trim().split('\n').length);
  });

  it('read a zip over https, where private addresses are allowed', async () => {
    server.bucket('web', { anonymous: true });
    server.put('web', 'Kraken_OHLCVT_2024Q1.zip', zipBytes([{ name: 'XBTUSD_60.csv', data: quarter(0) }]));
    const uri = `${server.endpointUrl}/web/Kraken_OHLCVT_2024Q1.zip`;
    const summary = await loadS3(uri, { sourceOptions: { allowPrivateAddresses: true } });
    expect(summary.tasks).toMatchObject({ loaded: 1, failed: 0 });
  });
});

describe('credentials that expire while files are loaded', () => {
  it('end the run without failing a file, and the same load goes on with new ones', async () => {
    const expired = { kind: 'status', status: 400, code: 'ExpiredToken' } as const;
    server.fault(expired, { on: 'get', skip: 2, times: Number.POSITIVE_INFINITY });
    await expect(loadS3()).rejects.toMatchObject({ fault: { kind: 'credentials' } });
    const states = await database.pool.query(`SELECT DISTINCT state FROM backhaul.task ORDER BY 1`);
    expect(states.rows.map((row) => row.state)).not.toContain('failed');
    server.reset();
    fill();
    await loadS3();
    expect(await candles(database.pool)).toBe(expected);
  });
});

describe('the command line', () => {
  const env = {
    AWS_ACCESS_KEY_ID: TEST_ACCOUNT.accessKeyId,
    AWS_SECRET_ACCESS_KEY: TEST_ACCOUNT.secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...EAGER,
  };
  const load = (uri: string): string[] => [
    'load',
    uri,
    ...['--endpoint-url', server.endpointUrl, '--database', database.url],
  ];

  it('loads from S3 and tells no secret, to no log and no table', async () => {
    const ended = await runCli([...load('s3://flat'), '--workers', '2', '--json', '--verbose'], { env });
    expect(ended.code).toBe(0);
    expect(jsonLines(ended.stdout).at(-1)).toMatchObject({ type: 'summary', tasks: { loaded: 7 } });
    expect(await candles(database.pool)).toBe(expected);
    const { rows } = await database.pool.query(
      'SELECT (SELECT json_agg(t) FROM backhaul.task t)::text || (SELECT json_agg(r) FROM backhaul.run r)::text AS all',
    );
    const said = ended.stdout + ended.stderr + rows[0]!.all;
    expect(said).not.toContain(TEST_ACCOUNT.secretAccessKey);
    expect(said).not.toContain(TEST_ACCOUNT.accessKeyId);
  });

  it.each([
    ['a bucket that is not there', 's3://nowhere', {}, /no bucket nowhere/],
    ['no rights', 's3://closed', {}, /s3:ListBucket/],
    ['a wrong region', 's3://flat', { AWS_REGION: 'eu-north-1' }, /--region us-east-1/],
    ['a wrong key', 's3://flat', { AWS_ACCESS_KEY_ID: 'AKIAOTHER' }, /access key/],
    ['a wrong secret', 's3://flat', { AWS_SECRET_ACCESS_KEY: 'other' }, /secret key/],
  ])('says %s in one line and ends with 1', async (_, uri, more, message) => {
    server.bucket('closed', { denyList: true });
    const ended = await answerOf(load(uri), { env: { ...env, ...more } });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/^\s+at .*\.[jt]s/m);
  });
});
