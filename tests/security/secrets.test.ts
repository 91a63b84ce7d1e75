import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { createPool } from '../../src/database/connect.ts';
import { stopEmbedded } from '../../src/database/embedded.ts';
import { type Answer, answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

/** A secret is planted wherever one may stand; then all that was said and stored is searched for it. */

const SECRET = 'pl4nted-s3cret';
const database = await testDatabase();
const folder = scratchFolder();
const good = write(folder, 'good/XBTUSD_60.csv', '1704067200,1,2,0.5,1.5,10,3\nnot,a,record\n');
/** Nobody listens there. */
const CLOSED = `postgres://us:${SECRET}@127.0.0.1:9/db`;
const realPassword = decodeURIComponent(new URL(database.url).password);

function withPassword(url: string, password: string): string {
  const other = new URL(url);
  other.password = password;
  return other.href;
}

function backhaul(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = folder,
): Promise<Answer> {
  return answerOf(args, { env, cwd });
}

function expectNone(what: unknown, text: string, secrets: readonly string[] = [SECRET, realPassword]): void {
  for (const secret of secrets) {
    const at = text.indexOf(secret);
    expect([what, at < 0 ? null : text.slice(Math.max(0, at - 100), at + 100)]).toEqual([what, null]);
  }
}

/** Every row of every table of schema backhaul, as text. */
async function stored(db: Pool): Promise<string> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'backhaul'`,
  );
  expect(rows.length).toBeGreaterThan(10);
  const all: string[] = [];
  for (const { name } of rows) {
    const found = await db.query<{ line: string }>(`SELECT t::text AS line FROM ${name} t`);
    all.push(...found.rows.map(({ line }) => line));
  }
  return all.join('\n');
}

/** Runs commands and searches what they say. */
async function eachRun(
  runs: readonly (readonly [readonly string[], Record<string, string>])[],
): Promise<void> {
  for (const [i, [args, env]] of runs.entries()) {
    const { stdout, stderr } = await backhaul(args, { BACKHAUL_DEBUG: i % 2 === 0 ? '1' : '', ...env });
    expectNone(args, stdout + stderr);
  }
}

const READERS = [
  ['status'],
  ['retry'],
  ['query', 'SELECT 1'],
  ['query', 'SELECT nothing'],
  ['gaps', 'scan'],
  ['gaps', 'list'],
  ['report'],
  ['validate'],
  ['recompute'],
  ['doctor'],
];

describe('a secret', () => {
  it('in the URL of a database is repeated by no command, whatever becomes of it', async () => {
    const wrong = withPassword(database.url, SECRET);
    const malformed = [
      `postgres://us:${SECRET}@host:port/db`,
      `postgres://us:${SECRET}%zz@127.0.0.1:9/db`,
      `mysql://us:${SECRET}@127.0.0.1:9/db`,
      `postgres:/us:${SECRET}@127.0.0.1:9/db`,
      `postgres://us:${SECRET}@/db?host=/nowhere`,
      `postgres://127.0.0.1:9/db?user=us&password=${SECRET}`,
      `postgres://us:${SECRET}@127.0.0.1:9/db?sslmode=verify-full&sslkey=${SECRET}`,
    ];
    const runs: [readonly string[], Record<string, string>][] = [];
    for (const args of [['load', good], ['load', good, '--dry-run'], ...READERS]) {
      runs.push([[...args, '--database', CLOSED], {}]);
      runs.push([args, { DATABASE_URL: wrong }]);
    }
    for (const url of [CLOSED, wrong, ...malformed]) {
      runs.push([['load', good, '--database', url, '--verbose', '--json'], {}]);
      // Where it does not belong.
      runs.push([['load', url], {}]);
      runs.push([['load', good, `--databse=${url}`], {}]);
    }
    runs.push([['load', good], { BACKHAUL_DATABASE: malformed[0]! }]);
    runs.push([['status', CLOSED], {}]);
    runs.push([[CLOSED], {}]);
    runs.push([['load', good, '--databse', CLOSED], {}]);
    runs.push([['load', good, '--layout', CLOSED], { DATABASE_URL: database.url }]);
    runs.push([['load', good, '--database', 'postgres://us@127.0.0.1:9/db'], { PGPASSWORD: SECRET }]);
    runs.push([['load', good, '--database', withPassword(database.url, '')], { PGPASSWORD: SECRET }]);
    await eachRun(runs);
  }, 600_000);

  it('in the configuration file is not repeated either', async () => {
    const home = join(folder, 'configured');
    mkdirSync(home);
    for (const yaml of [
      `database: ${CLOSED}`,
      `database: mysql://us:${SECRET}@h/db`,
      `database: {url: "${CLOSED}"}`,
      `databse: ${CLOSED}`,
      `database: "${CLOSED}`,
      `database: ${CLOSED}\n  workers: : ${SECRET}`,
      `- ${CLOSED}`,
    ]) {
      writeFileSync(join(home, 'backhaul.yaml'), yaml);
      for (const args of [
        ['load', good],
        ['status', '--json'],
      ]) {
        const { stdout, stderr } = await backhaul(args, {}, home);
        expectNone([yaml, args], stdout + stderr);
      }
    }
  });

  it('in the address of a source or in its credentials is not repeated', async () => {
    const env = {
      DATABASE_URL: database.url,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_SESSION_TOKEN: SECRET,
      AWS_REGION: 'us-east-1',
      AWS_MAX_ATTEMPTS: '1',
    };
    const sources = [
      ['load', `https://us:${SECRET}@127.0.0.1:9/a.zip`],
      ['load', `https://127.0.0.1:9/a.zip?X-Amz-Signature=${SECRET}`],
      ['load', `https://127.0.0.1:9/a.zip?X-Amz-Credential=${SECRET}&x=1`],
      ['load', `https://127.0.0.1:9/a.zip?token=${SECRET}`],
      ['load', `https://127.0.0.1:9/a.zip?sv=1&se=2&sp=r&sig=${SECRET}`],
      ['load', `https://us:${SECRET}@[bad/a.zip`],
      ['load', `http://us:${SECRET}@127.0.0.1:9/a.zip`],
      ['load', `ftp://us:${SECRET}@127.0.0.1:9/a.zip`],
      ['load', `s3://us:${SECRET}@bucket/key`],
      ['load', `s3://bucket/key?X-Amz-Signature=${SECRET}`],
      ['load', `file://us:${SECRET}@host/a`],
      ['load', 's3://bucket/key', '--endpoint-url', `http://us:${SECRET}@127.0.0.1:9`],
      ['load', 's3://bucket/key', '--endpoint-url', 'http://127.0.0.1:9', '--allow-private'],
    ];
    await eachRun(
      sources.flatMap((args, i) => [
        [args, env] as const,
        [[...args, i % 2 === 0 ? '--dry-run' : '--json', '--verbose'], env] as const,
      ]),
    );
  }, 600_000);

  it('is in no table after loads that go well and loads that do not', async () => {
    const said: string[] = [];
    const run = async (args: readonly string[], env: Record<string, string> = {}): Promise<void> => {
      const { stdout, stderr } = await backhaul(args, env);
      said.push(stdout, stderr);
    };
    await run(['load', good, '--max-rejects', '5', '--verbose', '--database', database.url]);
    await run(['load', good, '--json'], { DATABASE_URL: database.url });
    // The server fails in the middle of a load.
    await database.pool.query('ALTER TABLE backhaul.coverage RENAME TO away');
    const other = write(folder, 'good/ETHUSD_60.csv', '1704067200,1,2,0.5,1.5,10,3\n');
    await run(['load', other, '--verbose', '--database', database.url]);
    await run(['load', other, '--json'], { DATABASE_URL: database.url });
    await database.pool.query('ALTER TABLE backhaul.away RENAME TO coverage');
    for (const args of READERS) {
      await run(args, { DATABASE_URL: database.url });
      if (args[0] !== 'query') await run([...args, '--json'], { DATABASE_URL: database.url });
    }
    const tables = await stored(database.pool);
    expect(tables).toContain('ETHUSD_60.csv');
    expect(realPassword.length).toBeGreaterThan(8);
    expectNone('what was said', said.join('\n'));
    expectNone('what is stored', tables);
  });
});

describe('the embedded server', () => {
  const home = join(folder, 'embedded');
  const hidden = join(home, '.backhaul');
  afterAll(() => stopEmbedded(hidden));

  it('listens on this machine alone, for whoever has a random password that its owner alone can read', async () => {
    mkdirSync(home);
    chmodSync(folder, 0o711);
    expect((await backhaul(['load', good, '--max-rejects', '5'], {}, home)).code).toBe(3);
    const cluster = JSON.parse(readFileSync(join(hidden, 'database.json'), 'utf8')) as {
      password: string;
      data: string;
      sockets: string;
    };
    expect(cluster.password).toMatch(/^[0-9a-f]{32}$/);
    expect((await backhaul(['db', 'start'], {}, home)).code).toBe(0);
    const { stdout } = await backhaul(['db', 'url'], {}, home);
    const db = createPool(stdout.trim(), { applicationName: 'backhaul test', max: 1 });
    try {
      const settings = await db.query<{ name: string; setting: string }>(
        `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories', 'password_encryption')
         ORDER BY name`,
      );
      expect(settings.rows).toEqual([
        { name: 'listen_addresses', setting: '127.0.0.1' },
        { name: 'password_encryption', setting: 'scram-sha-256' },
        { name: 'unix_socket_directories', setting: cluster.sockets },
      ]);
      const hba = await db.query<{ auth_method: string; error: string | null }>(
        'SELECT DISTINCT auth_method, error FROM pg_hba_file_rules',
      );
      expect(hba.rows).toEqual([{ auth_method: 'scram-sha-256', error: null }]);
      const roles = await db.query<{ rolname: string }>(
        `SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'`,
      );
      expect(roles.rows).toEqual([]);
    } finally {
      await db.end();
    }
    const mode = (path: string): number => statSync(path).mode & 0o777;
    expect(mode(join(hidden, 'database.json'))).toBe(0o600);
    expect(mode(cluster.sockets)).toBe(0o700);
    expect(mode(cluster.data)).toBe(0o700);
    expect(mode(join(hidden, 'postgres.log'))).toBe(0o600);
    // The server's own account may have to pass through, but nobody lists the folder.
    expect(mode(hidden) & 0o066).toBe(0);
    for (const wrong of ['', 'backhaul', SECRET]) {
      const refused = await backhaul(['status', '--database', withPassword(stdout.trim(), wrong)], {}, home);
      expect([wrong, refused.code]).toEqual([wrong, 1]);
    }
  });

  it('says its password nowhere but where it is asked for', async () => {
    const { password } = JSON.parse(readFileSync(join(hidden, 'database.json'), 'utf8')) as {
      password: string;
    };
    const said: string[] = [];
    for (const args of [['load', good, '--verbose'], ...READERS, ['db', 'start'], ['query', 'SELECT 1/0']]) {
      const { stdout, stderr } = await backhaul(args, {}, home);
      said.push(args[0] === 'db' ? stderr : stdout + stderr);
    }
    const reader = createPool((await backhaul(['db', 'url'], {}, home)).stdout.trim(), { max: 1 });
    const tables = await stored(reader);
    await reader.end();
    expectNone('what was said', said.join('\n'), [password]);
    expectNone('what is stored', tables, [password]);
    for (const name of readdirSync(hidden).filter((one) => /^postgres\.log/.test(one)))
      expectNone(name, readFileSync(join(hidden, name), 'utf8'), [password]);
  });

  it('lets query read and nothing else: the session is the reader, and cannot become anybody else', async () => {
    const fine = await backhaul(
      ['query', 'SELECT session_user, current_user, count(*) FROM candles', '--csv'],
      {},
      home,
    );
    expect(fine.stdout).toBe('session_user,current_user,count\nbackhaul_reader,backhaul_reader,1\n');
    const file = join(folder, 'intruder');
    const refused: [string, RegExp][] = [
      [`INSERT INTO series (venue, symbol, interval_s) VALUES ('a', 'b', 1)`, /permission denied|read-only/],
      ['CREATE TABLE backhaul.intruder (a int)', /permission denied|read-only/],
      ['CREATE TEMP TABLE intruder (a int)', /permission denied|read-only/],
      [`COPY series TO PROGRAM 'touch ${file}'`, /permission denied/],
      [`COPY series TO '${file}'`, /permission denied/],
      [`COPY (SELECT 1) TO '${file}'`, /permission denied/],
      ['SELECT 1; DROP TABLE backhaul.series', /multiple commands|syntax/],
      ['DO $$ BEGIN DROP TABLE backhaul.series; END $$', /read-only|must be owner/],
      ['EXPLAIN ANALYZE DELETE FROM series', /permission denied|read-only/],
      [`SELECT set_config('transaction_read_only', 'off', true)`, /read-only transaction|read-write mode/],
      [
        `SELECT set_config('role', 'none', true), query_to_xml('SELECT pg_read_file(''PG_VERSION'')', true, true, '')`,
        /permission denied/,
      ],
      [`SELECT set_config('role', 'backhaul', true)`, /permission denied/],
      [`SELECT set_config('session_authorization', 'backhaul', true)`, /permission denied/],
      ['SET ROLE backhaul', /permission denied/],
      ['SET SESSION AUTHORIZATION backhaul', /permission denied/],
      [`SELECT pg_read_file('PG_VERSION')`, /permission denied/],
      [`SELECT pg_ls_dir('.')`, /permission denied/],
      [`SELECT lo_import('/etc/hostname')`, /permission denied|read-only/],
      ['SELECT lo_create(0)', /read-only/],
      [`SELECT nextval('series_series_id_seq')`, /permission denied|read-only/],
      ['SELECT pg_advisory_lock(1)', /permission denied/],
      ['SELECT pg_try_advisory_xact_lock_shared(1, 2)', /permission denied/],
      ['LOCK TABLE series IN ACCESS EXCLUSIVE MODE', /permission denied|read-only/],
      ['SELECT * FROM series FOR UPDATE', /permission denied|read-only/],
      [
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()`,
        /permission denied/,
      ],
      [
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'backhaul user'`,
        /permission denied/,
      ],
      ['SELECT pg_reload_conf()', /permission denied/],
      [`ALTER SYSTEM SET fsync = off`, /permission denied|transaction block/],
      ['SELECT rolpassword FROM pg_authid', /permission denied/],
      [`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`, /permission denied|read-only/],
      ['CREATE EXTENSION dblink', /permission denied|read-only/],
    ];
    for (const [sql, words] of refused) {
      const { code, stdout, stderr } = await backhaul(['query', sql], {}, home);
      expect([sql, code, stdout]).toEqual([sql, 1, '']);
      expect(stderr).toMatch(words);
    }
    // What is allowed changes nothing for the next statement, which is another session's.
    for (const sql of ['RESET ROLE', 'COMMIT', 'ROLLBACK', 'RESET SESSION AUTHORIZATION'])
      expect((await backhaul(['query', sql], {}, home)).stderr).not.toContain('   at ');
    expect(readdirSync(folder)).not.toContain('intruder');
    const after = await backhaul(['query', 'SELECT count(*) FROM series', '--csv'], {}, home);
    expect(after.stdout).toBe('count\n1\n');
  }, 300_000);
});
