/**
 * Tries `deploy/slurm/load.sbatch`: `sudo node bench/slurm.ts [symbols=40] [records=20000]`, on Linux with `ip` and Debian's
 * slurmctld, slurmd, slurm-client and munge. A Slurm of its own, in a folder of its own: three nodes, each a network
 * namespace of this machine with a host name of its own, on a bridge. The script loads a file a symbol on all three; once a
 * third is loaded, all that runs on one of them is killed and its link cut, so that Slurm gives the node up and puts the
 * whole back into the queue; the node comes back. In the end every file has been loaded once, and the table is that of one
 * loader alone. What was made is taken away at the end.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../src/bench/load_run.ts';
import { connect } from '../src/database/connect.ts';
import { startEmbedded, stopEmbedded } from '../src/database/embedded.ts';
import { krakenCsv, walk, write } from '../tests/e2e/market.ts';
import { databaseAt, say } from '../tests/servers.ts';

const [symbols = 40, records = 20_000] = process.argv.slice(2).map(Number);
const NODES = ['bhnode1', 'bhnode2', 'bhnode3'] as const;
const BRIDGE = 'bhslurm';
const LIMIT_MS = 600_000;
const folder = mkdtempSync('/tmp/backhaul-slurm-');
const at = (name: string): string => join(folder, name);
const daemons = new Set<ChildProcess>();

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, SLURM_CONF: at('slurm.conf') },
  });
}

function quietly(command: string, ...args: string[]): void {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
  } catch {
    // It was not there.
  }
}

/** A daemon that ends with us; `host`: in the network and under the name of that node. */
function daemon(words: readonly string[], host: string | null = null): void {
  const inside = ['unshare', '--uts', 'sh', '-c', 'hostname "$1"; shift; exec "$@"', 'sh'];
  const line =
    host === null
      ? [...inside, 'bhcontrol', ...words]
      : ['ip', 'netns', 'exec', host, ...inside, host, ...words];
  const child = spawn(line[0]!, line.slice(1), {
    stdio: 'ignore',
    env: { ...process.env, SLURM_CONF: at('slurm.conf') },
  });
  daemons.add(child);
  child.on('exit', () => daemons.delete(child));
}

const slurmd = (node: string): void => daemon(['slurmd', '-D', '-f', at('slurm.conf')], node);

async function until<T>(what: string, look: () => Promise<T | false> | T | false): Promise<T> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(500)) {
    const found = await look();
    if (found !== false) return found;
  }
  throw new Error(`in vain waited for: ${what}`);
}

function makeNetwork(): void {
  run('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
  run('ip', 'addr', 'add', '10.78.0.1/24', 'dev', BRIDGE);
  run('ip', 'link', 'set', BRIDGE, 'up');
  for (const [i, node] of NODES.entries()) {
    run('ip', 'netns', 'add', node);
    run('ip', 'link', 'add', `${node}a`, 'type', 'veth', 'peer', 'name', `${node}b`, 'netns', node);
    run('ip', 'link', 'set', `${node}a`, 'master', BRIDGE, 'up');
    run('ip', '-n', node, 'addr', 'add', `10.78.0.${i + 11}/24`, 'dev', `${node}b`);
    for (const device of ['lo', `${node}b`]) run('ip', '-n', node, 'link', 'set', device, 'up');
  }
}

function startSlurm(): void {
  for (const name of ['state', 'munge']) mkdirSync(at(name), { mode: 0o700 });
  writeFileSync(at('munge/key'), randomBytes(1024), { mode: 0o400 });
  const settings = [
    ['ClusterName', 'try'],
    ['SlurmctldHost', 'bhcontrol(10.78.0.1)'],
    ['SlurmUser', 'root'],
    ['AuthInfo', `socket=${at('munge/socket')}`],
    ['StateSaveLocation', at('state')],
    ['SlurmdSpoolDir', at('spool-%n')],
    ['SlurmctldLogFile', at('slurmctld.log')],
    ['SlurmdLogFile', at('slurmd-%n.log')],
    ['SlurmctldPidFile', at('slurmctld.pid')],
    ['SlurmdPidFile', at('slurmd-%n.pid')],
    ['ProctrackType', 'proctrack/linuxproc'],
    ['TaskPlugin', 'task/none'],
    ['MpiDefault', 'none'],
    ['SlurmdParameters', 'config_overrides'],
    ['SlurmdTimeout', '10'],
    ['ReturnToService', '2'],
  ];
  const nodes = NODES.map((node, i) => `NodeName=${node} NodeAddr=10.78.0.${i + 11} CPUs=2 State=UNKNOWN`);
  writeFileSync(
    at('slurm.conf'),
    `${settings.map((one) => one.join('=')).join('\n')}\n${nodes.join('\n')}\nPartitionName=all Nodes=ALL Default=YES State=UP\n`,
  );
  writeFileSync(at('cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
  const munge = ['socket', 'key-file', 'pid-file', 'seed-file', 'log-file'].map(
    (name) => `--${name}=${at(`munge/${name.replace(/-file$/, '')}`)}`,
  );
  daemon(['munged', '--foreground', '--force', ...munge]);
}

/** What the script's run has come to, as `scontrol` tells. */
function job(id: string): Record<string, string> {
  const told = run('scontrol', '--oneliner', 'show', 'job', id);
  return Object.fromEntries([...told.matchAll(/(\w+)=(\S*)/g)].map(([, name, value]) => [name!, value!]));
}

async function ask<Row extends object>(url: string, sql: string): Promise<Row> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    const { rows } = await client.query<Row>(sql);
    return rows[0]!;
  } finally {
    await client.end();
  }
}

const digest = (url: string): Promise<{ digest: string; rows: number }> =>
  ask(
    url,
    `SELECT count(*)::int AS rows, md5(string_agg(md5(c::text), '' ORDER BY symbol, ts)) AS digest FROM backhaul.candles c`,
  );

try {
  makeNetwork();
  startSlurm();
  const from = Date.UTC(2024, 0, 1) / 1000;
  for (let i = 0; i < symbols; i++) {
    const symbol = `A${String.fromCharCode(65 + Math.floor(i / 26), 65 + (i % 26))}USD`;
    write(folder, `files/${symbol}_1.csv`, krakenCsv(walk(symbol, from, from + 60 * records, 60, i, 1)));
  }
  const { socketUrl } = await startEmbedded(at('server'), { settings: { max_connections: '100' } });
  await say(socketUrl, ['CREATE DATABASE alone', 'CREATE DATABASE together']);
  const [alone, together] = [databaseAt(socketUrl, 'alone'), databaseAt(socketUrl, 'together')];
  const { signal } = new AbortController();
  const single = await runProgram(['load', at('files')], { databaseUrl: alone, core: null, folder }, signal);
  if (single.code !== 0) throw new Error(single.complaint);

  await until('munge', () => readFileSync(at('munge/pid'), 'utf8') !== '' || false);
  daemon(['slurmctld', '-D', '-f', at('slurm.conf')]);
  for (const node of NODES) slurmd(node);
  await until('three idle nodes', () => {
    try {
      return run('sinfo', '--noheader', '--format=%T %D').trim() === 'idle 3';
    } catch {
      return false;
    }
  });
  process.env['DATABASE_URL'] = together;
  process.env['BACKHAUL'] = resolve('bin/backhaul.js');
  const words = [resolve('deploy/slurm/load.sbatch'), at('files'), '--workers', '1', '--lease-seconds', '10'];
  const id = run('sbatch', '--parsable', '--chdir', folder, ...words).trim();
  const loaded = async (): Promise<number> => {
    try {
      const sql = `SELECT count(*)::int AS n FROM backhaul.task WHERE state = 'loaded'`;
      return (await ask<{ n: number }>(together, sql)).n;
    } catch {
      return 0; // There are no tables yet.
    }
  };
  const before = await until('a third of the files', async () => {
    const n = await loaded();
    return n * 3 >= symbols && n;
  });
  const lost = NODES[1];
  run('ip', 'link', 'set', `${lost}a`, 'down');
  const pids = run('ip', 'netns', 'pids', lost).trim().split('\n');
  for (const pid of pids) quietly('kill', '-KILL', pid);
  process.stdout.write(`${before} of ${symbols} files loaded: ${lost} dies, with ${pids.length} processes\n`);
  await until('Slurm to put it back into the queue', () => Number(job(id)['Restarts']) > 0);
  run('ip', 'link', 'set', `${lost}a`, 'up');
  slurmd(lost);
  const end = await until('the end', () => {
    const now = job(id);
    return /COMPLETED|FAILED|CANCELLED|TIMEOUT/.test(now['JobState']!) && now;
  });
  const [one, all] = [await digest(alone), await digest(together)];
  const events = await ask<{ once: number; more: number }>(
    together,
    `SELECT count(*) FILTER (WHERE n = 1)::int AS once, count(*) FILTER (WHERE n > 1)::int AS more
     FROM (SELECT count(*) AS n FROM backhaul.task_event WHERE event = 'finish' GROUP BY task_id) e`,
  );
  process.stdout.write(
    `${end['JobState']}, exit code ${end['ExitCode']}, started again ${end['Restarts']} times; ${events.once} files loaded once, ` +
      `${events.more} more often; ${all.rows} rows, ${all.digest === one.digest ? 'the table of one loader' : 'ANOTHER TABLE'}\n`,
  );
  if (end['JobState'] !== 'COMPLETED' || events.once !== symbols || all.digest !== one.digest)
    process.exitCode = 1;
} finally {
  for (const node of NODES) {
    let pids = '';
    try {
      pids = run('ip', 'netns', 'pids', node);
    } catch {
      // It was not made.
    }
    for (const pid of pids.split('\n')) if (pid !== '') quietly('kill', '-KILL', pid);
    quietly('ip', 'netns', 'del', node);
    quietly('ip', 'link', 'del', `${node}a`);
  }
  for (const child of daemons) child.kill('SIGKILL');
  quietly('ip', 'link', 'del', BRIDGE);
  await stopEmbedded(at('server')).catch(() => {});
  if (process.exitCode === 1) process.stdout.write(`what Slurm said is in ${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}
