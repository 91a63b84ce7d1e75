import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverAccount } from '../../src/database/embedded_binaries.ts';
import { readFirstBytes } from '../../src/doctor/first_bytes.ts';
import type { PlannedFile } from '../../src/doctor/sources.ts';
import { checkTables } from '../../src/doctor/tables.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines, runCli, scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { useTestCredentials } from '../producer/sources/s3/s3_setup.ts';
import { S3Server, TEST_ACCOUNT } from '../s3_server/s3_server.ts';

/** `backhaul doctor` against real databases, sources and disks; each command it names is tried. */

useTestCredentials();
const database = await testDatabase({ content: 'empty' });
const loaded = await testDatabase();
const folder = scratchFolder();
write(folder, 'files/XBTUSD_60.csv', krakenCsv(walk('XBTUSD', 1_704_067_200, 1_711_929_600, 3600, 1, 1)));

interface Line {
  readonly type: string;
  readonly group: string;
  readonly name: string;
  readonly state: string;
  readonly message: string;
  readonly fix: string | null;
}

async function doctor(url: string | null, args: readonly string[] = [], env: Record<string, string> = {}) {
  // Credentials of S3 are a program's, read once.
  const run = args.some((arg) => arg.startsWith('s3:')) ? runCli : answerOf;
  const { code, stdout, stderr } = await run(['doctor', ...args, '--json'], {
    cwd: folder,
    env: { ...(url === null ? {} : { DATABASE_URL: url }), ...env },
  });
  expect(stderr).toBe('');
  const lines = jsonLines(stdout) as unknown as Line[];
  const sums = lines.at(-1)!;
  return {
    code,
    sums,
    checks: lines.slice(0, -1),
    named: (name: string) => lines.find((line) => line.name === name),
    wrong: lines.filter((line) => line.state === 'failure'),
  };
}

/** A role of the server that may do nothing, and a URL for it. */
async function poorRole(): Promise<{ readonly name: string; readonly url: (of: string) => string }> {
  const name = `backhaul_poor_${process.pid}_${randomBytes(3).toString('hex')}`;
  await database.pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'poor'`);
  const { rows } = await database.pool.query<{ port: number }>('SHOW port');
  return { name, url: (of) => `postgres://${name}:poor@127.0.0.1:${rows[0]!.port}/${of}` };
}

let poor: Awaited<ReturnType<typeof poorRole>>;
beforeAll(async () => {
  poor = await poorRole();
});
afterAll(async () => {
  for (const pool of [database.pool, loaded.pool])
    await pool.query(`DROP OWNED BY ${poor.name}`).catch(() => {});
  await database.pool.query(`DROP ROLE ${poor.name}`).catch(() => {});
});

describe('a database', () => {
  it('that a load can go to is ready: every line ok or a warning, exit code 0', async () => {
    const { code, wrong, checks, sums, named } = await doctor(database.url, ['files']);
    expect(wrong).toEqual([]);
    expect([code, sums.type]).toEqual([0, 'doctor']);
    expect(checks.every((check) => check.type === 'check')).toBe(true);
    expect(checks.every((check) => (check.state === 'ok') === (check.fix === null))).toBe(true);
    for (const name of [
      'Node.js',
      'memory',
      'open files',
      'connection',
      'version',
      'rights',
      'connections',
      'clock',
    ])
      expect([name, named(name)?.state]).toEqual([name, 'ok']);
    expect(named('disk')!.message).toMatch(/ free at .* for some [\d,]+ rows, keys and log$/);
    expect(named('files')!.message).toMatch(/^can be read: 1 file to load/);
    // The tests' own server does not care for power cuts.
    expect(named('fsync')).toMatchObject({ state: 'warning', message: expect.stringContaining('power cut') });
    expect(named('fsync')!.fix).toBe('ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();');
  });

  it('that the role may change nothing in is told with the GRANTs that mend it', async () => {
    const db = await database.pool.query<{ name: string }>('SELECT current_database() AS name');
    const { name } = db.rows[0]!;
    await database.pool.query(`REVOKE CREATE, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
    const before = await doctor(poor.url(name));
    expect(before.code).toBe(3);
    expect(before.wrong.map((check) => check.fix)).toEqual([
      `GRANT CREATE ON DATABASE ${name} TO ${poor.name};`,
      `GRANT TEMPORARY ON DATABASE ${name} TO ${poor.name};`,
    ]);
    for (const { fix } of before.wrong) await database.pool.query(fix!);
    const after = await doctor(poor.url(name));
    expect([after.code, after.wrong]).toEqual([0, []]);
    const load = await answerOf(['load', 'files'], { cwd: folder, env: { DATABASE_URL: poor.url(name) } });
    expect(load.code, load.stderr).toBe(0);
  });

  it('whose tables are somebody else’s is told as well', async () => {
    const { rows } = await loaded.pool.query<{ name: string }>('SELECT current_database() AS name');
    const { code, named } = await doctor(poor.url(rows[0]!.name));
    expect(code).toBe(3);
    expect(named('rights')!.fix).toMatch(new RegExp(`^GRANT \\S+ TO ${poor.name};$`));
  });

  it('that cuts long statements off, or only reads, is told with what mends it', async () => {
    await loaded.pool.query(`ALTER ROLE ${poor.name} SET statement_timeout = '30s'`);
    await loaded.pool.query(`ALTER ROLE ${poor.name} SET default_transaction_read_only = on`);
    const { rows } = await loaded.pool.query<{ name: string }>('SELECT current_database() AS name');
    const before = await doctor(poor.url(rows[0]!.name));
    expect(before.named('statement_timeout')!.state).toBe('warning');
    expect(before.named('writes')!.state).toBe('failure');
    await loaded.pool.query(before.named('statement_timeout')!.fix!);
    const one = await doctor(poor.url(rows[0]!.name));
    expect([one.named('statement_timeout'), one.named('writes')!.state]).toEqual([undefined, 'failure']);
    const { named } = await doctor(poor.url(rows[0]!.name), ['--fix']);
    expect(named('writes')).toMatchObject({
      state: 'ok',
      message: expect.stringContaining(`mended: ${one.named('writes')!.fix}`),
      fix: null,
    });
    // Nobody else's rights are his to give.
    expect(named('rights')!.state).toBe('failure');
    expect((await doctor(poor.url(rows[0]!.name))).named('writes')).toBe(undefined);
  });

  it('with partitions that a stopped load left without a key says so, and --fix builds them', async () => {
    const partitions = new Partitions(loaded.pool, false);
    await partitions.ensure([Date.UTC(2024, 4, 5) * 1000]);
    const before = await doctor(loaded.url);
    expect(before.named('tables')!.state).toBe('ok');
    expect(before.named('keys')).toMatchObject({
      state: 'warning',
      message: expect.stringMatching(/^1 partition without a key/),
    });
    const mended = await doctor(loaded.url, ['--fix']);
    expect(mended.named('keys')).toMatchObject({ state: 'ok', message: 'built those of 1 partition' });
    expect(await partitions.bare()).toEqual([]);
    expect((await doctor(loaded.url)).named('keys')).toBe(undefined);
  });

  it('whose tables are of another version is told, and left alone where they are newer', async () => {
    const facts = { bare: 0, running: 0 };
    expect(checkTables({ ...facts, version: 3 }, 5)).toMatchObject([{ state: 'warning' }]);
    expect(checkTables({ ...facts, version: 0 }, 5)).toEqual([]);
    expect(checkTables({ version: 5, bare: 2, running: 1 }, 5).map(({ state }) => state)).toEqual([
      'ok',
      'ok',
    ]);
    await loaded.pool.query(`INSERT INTO backhaul.migration (version, name) VALUES (9999, 'of tomorrow')`);
    const { code, named } = await doctor(loaded.url, ['--fix']);
    await loaded.pool.query('DELETE FROM backhaul.migration WHERE version = 9999');
    expect(code).toBe(3);
    expect(named('tables')).toMatchObject({
      state: 'failure',
      message: expect.stringContaining('made by a newer version'),
    });
  });

  it('that does not answer is a failure; the other checks are made all the same', async () => {
    const { code, wrong, named } = await doctor('postgres://me:s3cret@127.0.0.1:1/market', ['files']);
    expect(code).toBe(3);
    expect(wrong.map((check) => check.name)).toEqual(['connection']);
    expect(wrong[0]!.message).toBe(
      'No connection to the database market at 127.0.0.1:1 as me (connect ECONNREFUSED 127.0.0.1:1)',
    );
    expect(JSON.stringify(wrong)).not.toContain('s3cret');
    expect(named('files')!.state).toBe('ok');
  });

  it('with too few connections for the workers is a failure that says how many would do', async () => {
    const { wrong } = await doctor(database.url, ['--workers', '500']);
    expect(wrong.map((check) => check.name)).toEqual(['connections']);
    expect(wrong[0]!.fix).toMatch(/^--workers \d+, or: ALTER SYSTEM SET max_connections = \d+; /);
  });
});

describe('the embedded database', () => {
  it('is not made by a look at it; where there is one, it is started for the look and stopped again', async () => {
    const first = await doctor(null, ['files']);
    expect([first.code, first.wrong]).toEqual([0, []]);
    expect(first.named('connection')!.message).toContain('a load makes an embedded PostgreSQL');
    expect(existsSync(join(folder, '.backhaul'))).toBe(false);
    expect((await answerOf(['load', 'files'], { cwd: folder })).code).toBe(0);
    const second = await doctor(null, ['files']);
    expect([second.code, second.wrong]).toEqual([0, []]);
    // It was set up for loads: there is nothing to improve.
    expect(second.checks.filter((check) => check.group === 'settings' && check.state !== 'ok')).toEqual([]);
    expect(second.named('files')!.message).toBe('can be read: nothing to load, 1 loaded before');
    const { stderr } = await answerOf(['db', 'url'], { cwd: folder });
    expect(stderr).toContain('It does not run');
  });
});

describe('sources', () => {
  it('that are missing, damaged or empty are told, each by its name', async () => {
    write(folder, 'damaged/Kraken_OHLCVT_2024Q2.zip', 'PK no zip at all');
    mkdirSync(join(folder, 'empty'));
    const { code, named } = await doctor(database.url, ['files', 'fils', 'damaged', 'empty']);
    expect(code).toBe(3);
    expect(named('fils')).toMatchObject({ state: 'failure', message: 'no such file or folder: fils' });
    expect(named('fils')!.fix).toMatch(/^Did you mean .*\/files\?$/);
    expect(named('damaged')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('1 file would fail'),
    });
    expect(named('empty')!.state).toBe('warning');
  });

  it('that are zips have their directory and an entry of theirs looked at', async () => {
    const zip = 'zips/Kraken_OHLCVT_2024Q1.zip';
    const bytes = zipBytes([
      { name: 'XBTUSD_60.csv', data: krakenCsv(walk('XBTUSD', 1_704_067_200, 1_704_153_600, 3600, 1, 1)) },
    ]);
    write(folder, zip, bytes);
    expect((await doctor(null, ['zips'])).named('zips')!.message).toMatch(/^can be read: 1 file to load/);
    const uri = pathToFileURL(join(folder, zip)).href;
    const file = { uri, entry: 'XBTUSD_60.csv', sizeBytes: 1 } as PlannedFile;
    expect(await readFirstBytes([file], {})).toEqual([]);
    // Listed whole, and damaged before it is read.
    write(folder, zip, bytes.subarray(0, bytes.length - 30));
    expect(await readFirstBytes([file], {})).toMatchObject([
      { uri, entry: 'XBTUSD_60.csv', fault: { kind: 'truncated' } },
    ]);
  });

  it('in S3 are listed with the credentials at hand, and the clock is compared', async () => {
    const server = await new S3Server().start();
    try {
      server.bucket('flat');
      server.put(
        'flat',
        'XBTUSD_60.csv',
        Buffer.from(krakenCsv(walk('XBTUSD', 1_704_067_200, 1_704_153_600, 3600, 1, 1))),
      );
      const args = ['s3://flat', '--endpoint-url', server.endpointUrl];
      const env = {
        AWS_ACCESS_KEY_ID: TEST_ACCOUNT.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_ACCOUNT.secretAccessKey,
        AWS_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      };
      const right = await doctor(database.url, args, env);
      expect(right.wrong).toEqual([]);
      expect(right.named('s3://flat')!.message).toMatch(/^can be read: 1 file to load/);
      expect(right.named('clock of S3')!.state).toBe('ok');
      // Who may list it, and read some, may not read all.
      server.bucket('locked', { forbidden: /\.gz$/ });
      server.put('locked', 'ETHUSD_60.csv', Buffer.from('1704067200,1,1,1,1,1,1\n'));
      server.put('locked', 'us_stocks_sip/minute_aggs_v1/2024/04/2024-04-01.csv.gz', Buffer.from('sealed'));
      // So with what had to be looked into to be planned at all.
      server.bucket('sealed', { forbidden: /./ });
      server.put('sealed', 'own/AAPL.csv', Buffer.from('sealed'));
      server.put('sealed', 'Kraken_OHLCVT_2024Q1.zip', Buffer.from('sealed'));
      const sealed = await doctor(database.url, ['s3://sealed', ...args.slice(1)], env);
      expect(sealed.code).toBe(3);
      expect(sealed.named('s3://sealed')).toMatchObject({ state: 'failure' });
      expect(sealed.named('s3://sealed')!.message).toMatch(/^can be listed, not read.*sealed\/Kraken/s);
      const locked = await doctor(database.url, ['s3://locked', ...args.slice(1)], env);
      expect(locked.code).toBe(3);
      expect(locked.wrong).toEqual([expect.objectContaining({ name: 's3://locked', state: 'failure' })]);
      expect(locked.named('s3://locked')!.message).toMatch(/^can be listed, not read.*2024-04-01\.csv\.gz/s);
      const other = await doctor(database.url, args, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' });
      expect(other.code).toBe(3);
      expect(other.named('s3://flat')!.state).toBe('failure');
      expect(JSON.stringify(other.checks)).not.toContain(TEST_ACCOUNT.secretAccessKey);
    } finally {
      await server.stop();
    }
  });
});

const mountable = process.getuid?.() === 0 && process.platform === 'linux' && canMount();

function canMount(): boolean {
  const place = join(folder, 'mount');
  mkdirSync(place);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]).status === 0;
  if (mounted) spawnSync('umount', [place]);
  return mounted;
}

describe.skipIf(!mountable)('a small disk (skipped where none can be mounted)', () => {
  it('is a failure that says how much is missing; a narrower load fits', async () => {
    const place = join(folder, 'tablespace');
    const account = (await serverAccount())!;
    const [space, name] = [`small_${process.pid}`, `small_disk_${process.pid}`];
    chmodSync(folder, 0o711);
    mkdirSync(place);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', place]);
    const hour = 3600;
    const bars = walk('ETHUSD', 1_577_836_800, 1_577_836_800 + 20_000 * hour, hour, 2, 1);
    write(folder, 'large/ETHUSD_60.csv', krakenCsv(bars));
    try {
      mkdirSync(join(place, 'space'), { mode: 0o700 });
      chownSync(join(place, 'space'), account.uid, account.gid);
      await database.pool.query(`CREATE TABLESPACE ${space} LOCATION '${join(place, 'space')}'`);
      await database.pool.query(`CREATE DATABASE ${name} TEMPLATE template0 TABLESPACE ${space}`);
      const url = new URL(database.url);
      url.pathname = `/${name}`;
      const { code, named } = await doctor(url.href, ['large']);
      expect(code).toBe(3);
      expect(named('disk')).toMatchObject({ state: 'failure' });
      expect(named('disk')!.fix).toMatch(/^make room for [\d.]+ MB more, or narrow the load/);
      expect((await doctor(url.href, ['large', '--symbols', 'XBTUSD'])).named('disk')!.state).toBe('ok');
    } finally {
      await database.pool.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await database.pool.query(`DROP TABLESPACE IF EXISTS ${space}`);
      spawnSync('umount', [place]);
    }
  });
});

describe('the terminal', () => {
  it('shows a line a check, its remedy below, and the sum last', async () => {
    const { stdout, code } = await answerOf(['doctor', 'files', 'fils'], {
      cwd: folder,
      env: { DATABASE_URL: database.url },
    });
    expect(code).toBe(3);
    expect(stdout).toMatch(/^This machine\n {2}ok {7}Node\.js/);
    expect(stdout).toMatch(/^ {2}failure {2}fils +no such file or folder: fils\n {11}→ Did you mean /m);
    expect(stdout).toMatch(/\nNot ready: 1 failure, \d+ warnings?, \d+ ok\n$/);
  });
});
