import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines, runCli, scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const folder = scratchFolder();
const TINY = ['--days', '2', '--tickers', '12', '--rounds', '1', '--data', join(folder, '.bench')];

interface Event {
  readonly type: string;
  readonly [name: string]: unknown;
}

const bench = (...flags: string[]): ReturnType<typeof runCli> => runCli(['bench', ...flags], { cwd: folder });

/** Databases of benchmarks that are still there; one that is being dropped gets a moment. */
async function left(): Promise<string[]> {
  for (let look = 0; ; look++) {
    const { rows } = await database.pool.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE starts_with(datname, 'backhaul_bench_')`,
    );
    if (rows.length === 0 || look === 20) return rows.map(({ datname }) => datname);
    await sleep(100);
  }
}

afterAll(async () => {
  expect(await left()).toEqual([]);
});

describe('a benchmark', () => {
  it('checks the table, measures everything once, and leaves nothing in the database', async () => {
    await database.pool.query(
      `INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('mine', 'XBTUSD', 60)`,
    );
    const out = join(folder, 'out');
    const { code, stdout, stderr } = await bench(
      ...TINY,
      ...['--workers', '1,auto', '--small-tasks', '8', '--json', '--out', out, '--database', database.url],
    );
    expect(stderr).not.toContain('backhaul:');
    expect(code).toBe(0);
    const events = jsonLines(stdout) as Event[];
    const of = (type: string): Event[] => events.filter((event) => event.type === type);
    expect([...new Set(events.map(({ type }) => type))]).toEqual([
      'machine',
      'check',
      'data',
      'stages',
      'run',
      'small_tasks',
      'result',
    ]);

    const [check] = of('check');
    expect(check).toMatchObject({ series: 60, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(check!['values']).toBe(16 * (check!['records'] as number));
    expect(check!['worst']).toBeLessThan(1e-9);

    const [data] = of('data');
    const records = data!['records'] as number;
    expect(records).toBeGreaterThan(2000);
    const runs = of('run').map(({ what, workers }) => `${what} ${workers}`);
    const cores = of('machine')[0]!['cores'] as number;
    expect(runs).toEqual([`floor ${cores}`, `short_floor ${cores}`, 'load 1', 'load auto', 'pipeline 1']);
    for (const run of of('run')) {
      expect(run).toMatchObject({ records, round: 1, pinned: false });
      expect(run['seconds']).toBeGreaterThan(0);
      expect(run['cpu_seconds']).toBeGreaterThan(0);
    }
    const load = of('run').find(({ what }) => what === 'load')!;
    expect(load['peak_rss_bytes']).toBeGreaterThan(30e6);
    expect(load['startup_seconds']).toBeGreaterThan(0);
    expect(load['startup_seconds']).toBeLessThan(load['seconds'] as number);
    expect(of('small_tasks')[0]).toMatchObject({ tasks: 8, records: 240 });

    const [result] = of('result');
    expect(result).toMatchObject({ version: 2, rounds: 1, pinned: null, two_against_one: null });
    const shared = result!['shared'] as { loads: { workers: unknown; over_floor: { median: number } }[] };
    expect(shared.loads.map(({ workers }) => workers)).toEqual([1, 'auto']);
    for (const { over_floor } of shared.loads) expect(over_floor.median).toBeGreaterThan(0);
    expect(Object.keys(result!['stages'] as object)).toEqual([
      'inflate',
      'scan',
      'indicators',
      'encode',
      'copy',
    ]);
    expect(result!['bottleneck']).toMatch(/\.\)?$/);

    const { type: _, ...rest } = result!;
    expect(JSON.parse(readFileSync(join(out, 'bench.json'), 'utf8'))).toEqual(rest);
    const svg = readFileSync(join(out, 'bench.svg'), 'utf8');
    expect(wellFormed(svg)).toBe('svg');
    expect(svg).toContain('floor: the same rows ready-made');
    expect(svg).not.toContain('NaN');

    expect(await left()).toEqual([]);
    expect(readdirSync(join(folder, '.bench')).filter((name) => name !== 'data')).toEqual([]);
    const { rows } = await database.pool.query('SELECT symbol FROM backhaul.series');
    expect(rows).toEqual([{ symbol: 'XBTUSD' }]);
    expect(stdout + stderr).not.toContain(new URL(database.url).password);
  });

  it('without a database needs none, and is checked all the same', async () => {
    const { code, stdout } = await bench(...TINY, '--workers', '1,2', '--sink', 'null');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^no database, 2 workers/m);
    expect(stdout).toMatch(/records a second and core, two workers [\d.]+ times one/);
    expect(stdout).not.toContain('floor');
    expect(existsSync(join(folder, '.bench', 'server'))).toBe(false);
  });

  it('ends with the first Ctrl-C, and takes away what it has made', async () => {
    let pressed = false;
    const { code, stdout, stderr } = await runCli(
      [
        'bench',
        ...TINY,
        '--rounds',
        '1000',
        '--workers',
        '1',
        '--small-tasks',
        '0',
        '--database',
        database.url,
      ],
      {
        cwd: folder,
        onOutput: (child, said) => {
          if (pressed || !said.includes('round 1:')) return;
          pressed = true;
          child.kill('SIGINT');
        },
      },
    );
    expect({ pressed, code, stdout }).toEqual({ pressed: true, code: 130, stdout: '' });
    expect(stderr).toContain('Interrupted');
    expect(await left()).toEqual([]);
    expect(readdirSync(join(folder, '.bench'))).toEqual(['data']);
  });

  it('says what cannot be meant before it makes anything', async () => {
    const cases: [string[], string][] = [
      [['--records', '1000', '--days', '2', '--tickers', '3'], 'give two of the three'],
      [['--records', 'many'], 'expected a whole number from 1'],
      [['--workers', '0'], '--workers is "0": expected auto or a number'],
      [['--sink', 'null', '--pin'], '--pin needs a server'],
      [['--seed', '../x'], 'expected letters and digits'],
      [['--round', '3'], 'did you mean --rounds?'],
    ];
    for (const [flags, message] of cases) {
      const { code, stdout, stderr } = await answerOf(
        ['bench', '--data', join(folder, 'nothing'), ...flags],
        {
          cwd: folder,
        },
      );
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(message);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
  });
});

/** The name of a document's root, every element of which is closed in order; throws for one that is no XML. */
function wellFormed(text: string): string {
  const open: string[] = [];
  let root = '';
  let at = 0;
  for (const tag of text.matchAll(/<(\/?)([a-zA-Z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    if (/[<>]/.test(text.slice(at, tag.index))) throw new Error(`a stray bracket before ${tag[0]}`);
    at = tag.index + tag[0].length;
    const [, end, name, , alone] = tag;
    if (end === '/') {
      if (open.pop() !== name) throw new Error(`${tag[0]} closes nothing`);
    } else if (alone === '') {
      root ||= name!;
      open.push(name!);
    }
  }
  if (open.length > 0 || /[<>]/.test(text.slice(at))) throw new Error(`left open: ${open.join(' ')}`);
  return root;
}
