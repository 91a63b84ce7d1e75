import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Check, pgSize } from '../../src/doctor/check.ts';
import { checkDatabaseClock, checkS3Clock, s3AheadMs } from '../../src/doctor/clock.ts';
import { checkDisk, expectedRows } from '../../src/doctor/disk.ts';
import { checkOpenFiles, openFilesLimit } from '../../src/doctor/file_limits.ts';
import { checkMemory } from '../../src/doctor/memory.ts';
import { checkNode } from '../../src/doctor/node_version.ts';
import { checkSettings, type ServerSetting } from '../../src/doctor/server_settings.ts';
import { checkLines, verdictLine } from '../../src/ui/doctor_text.ts';

/** What each check says of figures that are given to it. */

const MB = 2 ** 20;
const GB = 2 ** 30;
const said = ({ state, fix }: Check): (string | null)[] => [state, fix];

describe('this machine', () => {
  it('needs a Node that can read the sources', () => {
    expect(checkNode('24.1.0').state).toBe('ok');
    expect(checkNode('22.18.0').state).toBe('ok');
    expect(checkNode('22.17.9').state).toBe('failure');
  });

  it('needs memory for its workers: as many as fit are named, none is a failure', () => {
    const facts = { totalBytes: 8 * GB, limitBytes: null, workers: 4 };
    expect(said(checkMemory(facts))).toEqual(['ok', null]);
    expect(said(checkMemory({ ...facts, limitBytes: 400 * MB }))).toEqual(['warning', '--workers 2']);
    expect(checkMemory({ ...facts, limitBytes: 400 * MB }).message).toContain('limit of the control group');
    expect(checkMemory({ ...facts, limitBytes: 200 * MB }).state).toBe('failure');
  });

  it('needs files to be opened: a limit below is told with the command that lifts it', () => {
    expect(checkOpenFiles(1024, 2).state).toBe('ok');
    expect(said(checkOpenFiles(256, 64))).toEqual(['warning', 'ulimit -n 4096']);
    expect(openFilesLimit()).toBeGreaterThan(0);
  });
});

describe('clocks', () => {
  it('may differ by seconds from the database, by minutes from S3', () => {
    expect(checkDatabaseClock(-800).state).toBe('ok');
    expect(checkDatabaseClock(90_000)).toMatchObject({ state: 'warning' });
    expect(checkS3Clock('s3', 2_000).state).toBe('ok');
    expect(checkS3Clock('s3', -60_000).state).toBe('warning');
    expect(checkS3Clock('s3', 15 * 60_000).state).toBe('failure');
    expect(checkS3Clock('s3', null).state).toBe('warning');
  });

  it('of S3 is what its answers say, whatever their status', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(403, { Date: new Date(Date.now() - 600_000).toUTCString() });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const ahead = await s3AheadMs(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(Math.abs(ahead! - 600_000)).toBeLessThan(5_000);
    expect(await s3AheadMs('http://127.0.0.1:1')).toBeNull();
  });
});

describe('room', () => {
  const planned = { files: 3, bytes: 30 * MB, rows: 1_000_000 };

  it('is reckoned from the rows of a load, their keys and the log between checkpoints', () => {
    expect(checkDisk(planned, 10 * GB, '/data', GB).message).toContain(
      'about 587 MB for some 1,000,000 rows',
    );
    expect(checkDisk(planned, 10 * GB, '/data', 64 * MB).message).toContain('about 322 MB');
    expect(checkDisk(planned, 10 * GB, '/data', GB).state).toBe('ok');
    expect(checkDisk(planned, 620 * MB, '/data', GB)).toMatchObject({ state: 'warning' });
    expect(checkDisk(planned, 100 * MB, '/data', GB)).toMatchObject({
      state: 'failure',
      fix: 'make room for 482 MB more, or narrow the load: --from, --symbols, --intervals',
    });
  });

  it('that cannot be known is said so, and is a warning only where something is to be loaded', () => {
    expect(checkDisk(planned, null, null, GB)).toMatchObject({ state: 'warning' });
    expect(checkDisk(planned, null, null, GB).message).toContain('cannot be known from here');
    expect(checkDisk(null, null, null, GB).state).toBe('ok');
  });

  it('counts what is compressed for more', () => {
    expect(expectedRows('file:///a.csv', null, 60_000)).toBe(1_000);
    expect(expectedRows('file:///a.csv.gz', null, 20_000)).toBe(1_000);
    expect(expectedRows('file:///a.zip', 'b.csv', 20_000)).toBe(1_000);
  });
});

describe('settings of the server', () => {
  const setting = (value: number | string, context = 'sighup', choices: string[] = []): ServerSetting => ({
    value,
    context,
    choices,
  });
  /** As initdb leaves them. */
  const FRESH = new Map<string, ServerSetting>([
    ['max_wal_size', setting(GB)],
    ['checkpoint_timeout', setting(300)],
    ['shared_buffers', setting(128 * MB, 'postmaster')],
    ['maintenance_work_mem', setting(64 * MB, 'user')],
    ['wal_compression', setting('off', 'superuser', ['off', 'on', 'pglz', 'lz4'])],
    ['wal_level', setting('replica', 'postmaster')],
    ['synchronous_commit', setting('on', 'user')],
    ['fsync', setting('on')],
    ['full_page_writes', setting('on')],
    ['autovacuum', setting('on')],
  ]);
  const fixes = (checks: readonly Check[]): (string | null)[] =>
    checks.filter((check) => check.state !== 'ok').map((check) => check.fix);
  const here = { memoryBytes: 16 * GB, freeBytes: 100 * GB };

  it('as a fresh server has them are too small, each with what to set, to what, and whether it takes a restart', () => {
    expect(fixes(checkSettings(FRESH, here))).toEqual([
      `ALTER SYSTEM SET max_wal_size = '16GB'; SELECT pg_reload_conf();`,
      `ALTER SYSTEM SET checkpoint_timeout = '30min'; SELECT pg_reload_conf();`,
      `ALTER SYSTEM SET shared_buffers = '4GB';   (then restart the server)`,
      `ALTER SYSTEM SET maintenance_work_mem = '1GB'; SELECT pg_reload_conf();`,
      `ALTER SYSTEM SET wal_compression = lz4; SELECT pg_reload_conf();`,
    ]);
  });

  it('ask for no more than the machine has, where it is known', () => {
    const small = { memoryBytes: GB, freeBytes: 10 * GB };
    expect(fixes(checkSettings(FRESH, small))[0]).toContain(`max_wal_size = '2GB'`);
    expect(fixes(checkSettings(FRESH, small))[2]).toContain(`shared_buffers = '256MB'`);
    // 64 MB to sort keys in is a sixteenth of what there is.
    expect(fixes(checkSettings(FRESH, small)).join()).not.toContain('maintenance_work_mem');
    const elsewhere = { memoryBytes: null, freeBytes: null };
    expect(fixes(checkSettings(FRESH, elsewhere))[0]).toContain(`max_wal_size = '8GB'`);
  });

  it('that risk the data are told', () => {
    const risky = new Map(FRESH).set('fsync', setting('off')).set('autovacuum', setting('off'));
    const found = fixes(checkSettings(risky, here));
    expect(found).toContain('ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();');
    expect(found).toContain('ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();');
  });
});

describe('the page', () => {
  const checks: Check[] = [
    { group: 'machine', name: 'a', state: 'ok', message: 'fine', fault: null, fix: null },
    {
      group: 'machine',
      name: 'bcd',
      state: 'failure',
      message: 'not \x1b[31mfine',
      fault: null,
      fix: 'mend it',
    },
  ];

  it('has a line a check, what mends it below, and nothing a terminal would obey', () => {
    expect(checkLines('machine', checks)).toEqual([
      'This machine',
      '  ok       a    fine',
      '  failure  bcd  not \\x1b[31mfine',
      '           → mend it',
      '',
    ]);
    expect(verdictLine(checks)).toBe('Not ready: 1 failure, 0 warnings, 1 ok');
  });

  it('writes sizes as the server does', () => {
    expect([64 * MB, 1.5 * GB, 8192, 12].map(pgSize)).toEqual(['64 MB', '1.5 GB', '8 kB', '12 B']);
  });
});
