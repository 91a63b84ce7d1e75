/**
 * What distribution costs: the same load into a plain database and into clusters of one, two … nodes that take shards, in
 * turns. `node bench/nodes.ts <coordinator> <plain> [tickers=3000] [rounds=3] [workers=2] [folder]`: URLs of databases to
 * make others from, of a Citus coordinator that knows its nodes and of a plain server. Prints rows a second and the CPU of
 * a row: the loader's, the coordinator's and the nodes' (those on this machine). On one machine all share the same cores:
 * what it tells is the price of distribution, not what more machines bring.
 */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dayFiles } from '../src/bench/day_files.ts';
import { runProgram } from '../src/bench/load_run.ts';
import { median } from '../src/bench/statistics.ts';
import { connect } from '../src/database/connect.ts';
import { databaseAt, say, serverOf, type TestServer } from '../tests/servers.ts';
import { serverCpu } from './server_cpu.ts';

const [coordinatorUrl = '', plainUrl = '', tickers = '3000', rounds = '3', workers = '2', root] =
  process.argv.slice(2);
const { signal } = new AbortController();
const folder = root ?? join(tmpdir(), 'backhaul-bench-nodes');
const data = await dayFiles(folder, { days: 4, tickers: Number(tickers), seed: '1' }, signal, () => {});
const rows = data.files.reduce((sum, { records }) => sum + records, 0);

interface Node {
  readonly host: string;
  readonly port: number;
  readonly group: number;
}

async function ask<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const answer = await client.query<Row>(sql);
  await client.end();
  return answer.rows;
}

const all = await ask<Node>(
  coordinatorUrl,
  'SELECT nodename AS host, nodeport AS port, groupid AS group FROM pg_dist_node ORDER BY groupid',
);
const nodes = all.filter(({ group }) => group !== 0);
const own = new URL(coordinatorUrl).pathname.slice(1);
const nodeUrls = nodes.map(({ host, port }) => databaseAt(coordinatorUrl, own, host, port));

interface Measured {
  readonly seconds: number;
  readonly loader: number;
  readonly server: number;
  readonly behind: number;
}

/** One load into a database of its own; `count` nodes take shards, 0: a plain one. */
async function measure(server: TestServer, count: number): Promise<Measured> {
  const name = `backhaul_bench_${process.pid}`;
  await server.create(name);
  const databaseUrl = databaseAt(server.url, name);
  try {
    if (count > 0)
      await say(
        databaseUrl,
        nodes
          .slice(count)
          .map(
            ({ host, port }) =>
              `SELECT citus_set_node_property('${host}', ${port}, 'shouldhaveshards', false)`,
          ),
      );
    const urls = [server.url, ...(count > 0 ? nodeUrls : [])];
    const before = await Promise.all(urls.map(serverCpu));
    const words = ['load', data.folder, '--workers', workers, ...(count > 0 ? ['--distribute'] : [])];
    const run = await runProgram(words, { databaseUrl, core: null, folder }, signal);
    if (run.code !== 0) throw new Error(run.complaint);
    const [first = 0, ...others] = (await Promise.all(urls.map(serverCpu))).map((now, i) => now - before[i]!);
    const [there] = await ask<{ n: number }>(databaseUrl, 'SELECT count(*)::int AS n FROM backhaul.bars');
    if (there!.n !== rows) throw new Error(`${there!.n} rows stand, ${rows} were to be loaded`);
    const behind = others.reduce((sum, one) => sum + one, 0);
    return { seconds: run.seconds, loader: run.cpuSeconds, server: first, behind };
  } finally {
    await server.drop(name);
  }
}

const citus = serverOf('citus', coordinatorUrl);
const plain = serverOf('plain', plainUrl);
const counts = [0, ...[1, 2, 4, 8].filter((count) => count <= nodes.length)];
const measured = new Map<number, Measured[]>(counts.map((count) => [count, []]));
for (let round = 0; round < Number(rounds); round++)
  for (const count of round % 2 === 0 ? counts : counts.toReversed())
    measured.get(count)!.push(await measure(count === 0 ? plain : citus, count));

process.stdout.write(
  `${rows} rows, ${workers} workers, medians of ${rounds} rounds (rows/s from the slowest to the fastest); µs of CPU a row\n`,
);
for (const [count, runs] of measured) {
  const rates = runs.map(({ seconds }) => rows / seconds).sort((a, b) => a - b);
  const micros = (of: (run: Measured) => number): string => ((1e6 * median(runs.map(of))) / rows).toFixed(1);
  process.stdout.write(
    `${count === 0 ? 'plain' : `${count} nodes`}: ${median(rates).toFixed(0)} rows/s (${rates[0]!.toFixed(0)} to ${rates.at(-1)!.toFixed(0)}); ` +
      `loader ${micros((run) => run.loader)}, ${count === 0 ? 'server' : 'coordinator'} ${micros((run) => run.server)}, nodes ${micros((run) => run.behind)}\n`,
  );
}
