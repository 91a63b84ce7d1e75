import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { distribute } from '../../src/state/leaves/distribute.ts';
import { migrate } from '../../src/state/schema/migrate.ts';
import { connectToNode, findNodes } from '../../src/state/schema/node_statements.ts';
import { jsonLines, runCli } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { CITUS_URL, serverOf } from '../servers.ts';
import { differences, snapshot } from '../survive/copies.ts';
import { engineDatabase } from './engine_databases.ts';

/** Workers write to the nodes of a Citus cluster themselves: the same comes of it as on a plain server. */

const folder = scratchFolder();
const plain = await testDatabase();

/** More series a file than go with the statement that ends it, checkpoints on the way, and records that are none. */
const symbols = Array.from({ length: 12 }, (_, i) => `S${i}`);
massiveDays(join(folder, 'world/massive'), 3, symbols, 7);
const hours = walk('XBTUSD', Date.UTC(2024, 0, 1) / 1000, Date.UTC(2024, 5, 1) / 1000, 3600, 3);
const lines = krakenCsv(hours).trimEnd().split('\n');
lines.splice(200, 0, `1,it's "{this}\\",\\x,$1,NULL,é,1`, `${lines[99]!.split(',')[0]},what,is,this,1,1,1`);
write(folder, 'world/kraken/XBTUSD_60.csv', `${lines.join('\n')}\n`);
const layout = write(
  folder,
  'layout.yaml',
  `name: acme
paths: '(?<symbol>[A-Z]+)_(?<interval>\\d+h)\\.txt$'
header: none
delimiter: ';'
columns: [time, open, high, low, close, volume]
prices: any
calendar: forex
aliases: [[ACME, AC'ME]]
time: { unit: s }
venue: acme
symbol: { group: symbol }
interval: { group: interval }
order: time
`,
);
const own = write(
  folder,
  'ACME_1h.txt',
  hours
    .slice(0, 700)
    .map((b) => `${b.time};${b.open};${b.high};${b.low};${b.close};${b.volume}\n`)
    .join(''),
);

async function loadAll(url: string): Promise<void> {
  await load(url, [join(folder, 'world')], { workers: 2, indicators: ['sma_20', 'rsi_14'] });
  await load(url, [own], { layout });
}

async function beside(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT s.venue, s.symbol, s.interval_s, s.withheld, r.prices, r.calendar, r.aliases
     FROM backhaul.series s LEFT JOIN backhaul.series_rule r USING (series_id) ORDER BY 1, 2, 3`,
  );
  return rows;
}

describe.skipIf(CITUS_URL === '')('on a Citus cluster (TEST_CITUS_URL)', () => {
  it('leave what a load into a plain server leaves, and no row passes through the coordinator', async () => {
    const { url, pool } = await engineDatabase(serverOf('citus', CITUS_URL));
    await migrate(pool);
    await distribute(pool, { shards: 4, dryRun: false, onStep: () => {} });
    // By whose session each task is moved: one that a node has opened, or the load itself.
    for (const text of [
      'CREATE TABLE public.mover (name text)',
      `CREATE FUNCTION public.note_mover() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO public.mover VALUES (current_setting('application_name')); RETURN NULL; END $$`,
      `CREATE TRIGGER note_mover AFTER UPDATE ON backhaul.task FOR EACH ROW
       WHEN (NEW.state = 'loaded') EXECUTE FUNCTION public.note_mover()`,
    ])
      await pool.query(text);
    await loadAll(plain.url);
    await loadAll(url);
    expect(differences(await snapshot(pool), await snapshot(plain.pool))).toEqual([]);
    expect(await beside(pool)).toEqual(await beside(plain.pool));
    const { rows } = await pool.query<{ name: string }>('SELECT name FROM public.mover');
    expect(rows.map(({ name }) => name.replace(/ .*/, ''))).toEqual(Array(5).fill('citus_internal'));
    expect((await pool.query('SELECT FROM backhaul.node_statement')).rowCount).toBe(0);
  });

  it('are opened on no node of another cluster', async () => {
    const { url, pool } = await engineDatabase(serverOf('citus', CITUS_URL));
    await migrate(pool);
    await distribute(pool, { shards: 4, dryRun: false, onStep: () => {} });
    const nodes = await findNodes(pool, url, () => {});
    expect(nodes!.urls.length).toBeGreaterThan(0);
    await expect(connectToNode(nodes!.urls[0]!, '7/7', {})).rejects.toMatchObject({
      fault: { kind: 'database-connect', expected: '7/7', found: nodes!.coordinator },
    });
  });

  it('wait for db distribute where an earlier version has distributed', async () => {
    const { url, pool } = await engineDatabase(serverOf('citus', CITUS_URL));
    await migrate(pool);
    const steps: string[] = [];
    const options = { shards: 4, dryRun: false, onStep: (step: string) => void steps.push(step) };
    await distribute(pool, options);
    await pool.query('DROP TABLE backhaul.node_statement');
    const doctor = async (): Promise<string> =>
      (await runCli(['doctor', '--database', url], { cwd: folder })).stdout.match(/^.*Citus.*$/m)![0];
    expect(await doctor()).toContain('go through the coordinator: npx backhaul db distribute');
    expect(await findNodes(pool, url, () => {})).toBeNull();
    expect((await load(url, [own], { layout })).tasks).toMatchObject({ loaded: 1, failed: 0 });
    steps.length = 0;
    expect(await distribute(pool, options)).toMatchObject({ already: true });
    expect(steps).toEqual([expect.stringContaining('node_statement')]);
    expect(await doctor()).not.toContain('distribute');
    expect(await findNodes(pool, url, () => {})).not.toBeNull();
    await distribute(pool, options);
    expect(steps).toHaveLength(1);
  });

  it('are what bench tells the price of', async () => {
    const { url, pool } = await engineDatabase(serverOf('citus', CITUS_URL));
    await migrate(pool);
    await distribute(pool, { shards: 4, dryRun: false, onStep: () => {} });
    const flags = ['--days', '2', '--tickers', '12', '--rounds', '1', '--workers', '2', '--small-tasks', '0'];
    const args = ['bench', ...flags, '--json', '--data', join(folder, 'bench'), '--database', url];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    expect(code, stderr).toBe(0);
    const result = (jsonLines(stdout) as { type: string; distributed?: unknown }[]).at(-1)!;
    expect(result).toMatchObject({
      type: 'result',
      distributed: { nodes: expect.any(Number), loads: [{ workers: 2, over_plain: expect.any(Object) }] },
    });
    const { rows } = await pool.query(`SELECT FROM pg_database WHERE datname LIKE 'backhaul_bench_%_spread'`);
    expect(rows).toEqual([]);
  });
});

afterAll(() => {
  if (CITUS_URL === '') process.stderr.write('TEST_CITUS_URL is not given: no session on a node of Citus\n');
});
