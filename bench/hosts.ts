/**
 * What more hosts bring where each one's link is the limit: `sudo node bench/hosts.ts [hosts=3] [MB/s=20] [files=12] [MB=60]
 * [late ms=50]`, on Linux with `ip` and `tc`. Each host is a network namespace of this machine with a link of so many
 * MB/s (a token bucket) to an S3 server whose answers begin so many ms late; the database, an embedded one, is reached by
 * its Unix socket, past the links, and asked for a day of each file alone, so that it is not the limit. One host loads all
 * files, then all of them together, each a load of two workers; told are seconds and MB/s. What is made in the network is
 * taken away at the end.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect } from '../src/database/connect.ts';
import { startEmbedded, stopEmbedded } from '../src/database/embedded.ts';
import { S3Server, TEST_ACCOUNT } from '../tests/s3_server/s3_server.ts';

const [hosts = 3, rate = 20, files = 12, megabytes = 60, lateMs = 50] = process.argv.slice(2).map(Number);
const SOURCE = '10.77.0.1';
const PREFIX = 'bhhost';
const FROM = Date.UTC(2020, 0, 1) / 1000;

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

/** Minutes of one market, about so many bytes. */
function minutes(bytes: number): { readonly csv: Buffer; readonly lastDay: string } {
  const lines: string[] = [];
  let time = FROM;
  for (let size = 0; size < bytes; time += 60) {
    const price = 100 + (time % 997) / 100;
    const line = `${time},${price.toFixed(2)},${(price + 1).toFixed(2)},${(price - 1).toFixed(2)},${price.toFixed(2)},12.5,7\n`;
    lines.push(line);
    size += line.length;
  }
  return {
    csv: Buffer.from(lines.join('')),
    lastDay: new Date((time - 86_400) * 1000).toISOString().slice(0, 10),
  };
}

const names = Array.from({ length: hosts }, (_, i) => `${PREFIX}${i + 1}`);
const folder = mkdtempSync(join(tmpdir(), 'backhaul-bench-'));
const s3 = await new S3Server().start();
const { csv, lastDay } = minutes(megabytes * 1e6);
s3.bucket('flat');
for (let i = 0; i < files; i++)
  s3.put(
    'flat',
    `${String.fromCharCode(65 + (i % 26))}${String.fromCharCode(65 + Math.floor(i / 26))}AUSD_1.csv`,
    csv,
  );
s3.fault({ kind: 'delay', ms: lateMs }, { times: Number.POSITIVE_INFINITY });
const way = createServer((client) => {
  const server = dial(s3.port, '127.0.0.1');
  client.pipe(server).pipe(client);
  for (const socket of [client, server]) socket.on('error', () => client.destroy() && server.destroy());
});

/** A load in each of these hosts; resolves to what each says at its end. */
async function together(
  databaseUrl: string,
  where: readonly string[],
): Promise<{ seconds: number; rows: number }> {
  const admin = await connect(databaseUrl, { applicationName: 'backhaul bench' });
  await admin.query('SET client_min_messages = warning; DROP SCHEMA IF EXISTS backhaul CASCADE');
  await admin.end();
  const address = way.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const words = ['load', 's3://flat', '--endpoint-url', `http://${SOURCE}:${port}`, '--path-style'];
  const flags = ['--from', lastDay, '--workers', '2', '--json'];
  const began = performance.now();
  const ended = where.map(
    (host) =>
      new Promise<string>((done, fail) => {
        const child = spawn(
          'ip',
          ['netns', 'exec', host, process.execPath, resolve('bin/backhaul.js'), ...words, ...flags],
          {
            cwd: folder,
            stdio: ['ignore', 'pipe', 'pipe'],
            env: {
              PATH: process.env['PATH'],
              DATABASE_URL: databaseUrl,
              AWS_ACCESS_KEY_ID: TEST_ACCOUNT.accessKeyId,
              AWS_SECRET_ACCESS_KEY: TEST_ACCOUNT.secretAccessKey,
              AWS_REGION: 'us-east-1',
              AWS_EC2_METADATA_DISABLED: 'true',
            },
          },
        );
        let [out, complaint] = ['', ''];
        child.stdout.setEncoding('utf8').on('data', (piece: string) => {
          out = (out + piece).slice(-64_000);
        });
        child.stderr.setEncoding('utf8').on('data', (piece: string) => {
          complaint = (complaint + piece).slice(-2_000);
        });
        child.on('error', fail);
        child.on('close', (code) =>
          code === 0 ? done(out.trimEnd().split('\n').at(-1)!) : fail(new Error(`${code}: ${complaint}`)),
        );
      }),
  );
  const [last] = await Promise.all(ended);
  const { rows } = JSON.parse(last!) as { readonly rows: { readonly loaded: number } };
  return { seconds: (performance.now() - began) / 1000, rows: rows.loaded };
}

function takeDown(): void {
  for (const name of names)
    try {
      ip('netns', 'del', name);
    } catch {
      // It was not made.
    }
  try {
    ip('addr', 'del', `${SOURCE}/32`, 'dev', 'lo');
  } catch {
    // Nor was this.
  }
}

try {
  ip('addr', 'add', `${SOURCE}/32`, 'dev', 'lo');
  for (const [i, name] of names.entries()) {
    const [here, there] = [`${name}a`, `${name}b`];
    ip('netns', 'add', name);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
    ip('addr', 'add', `10.77.${i + 1}.1/24`, 'dev', here);
    ip('link', 'set', here, 'up');
    const inside = (...args: string[]): void => ip('-n', name, ...args);
    inside('addr', 'add', `10.77.${i + 1}.2/24`, 'dev', there);
    inside('link', 'set', 'lo', 'up');
    inside('link', 'set', there, 'up');
    inside('route', 'add', 'default', 'via', `10.77.${i + 1}.1`);
    const limit = ['rate', `${8 * rate}mbit`, 'burst', '256kb', 'latency', '200ms'];
    execFileSync('tc', ['qdisc', 'add', 'dev', here, 'root', 'tbf', ...limit]);
  }
  await new Promise<void>((done) => way.listen(0, SOURCE, done));
  const { socketUrl } = await startEmbedded(folder, { settings: { max_connections: '100' } });
  const bytes = files * csv.length;
  const told = (what: string, { seconds, rows }: { seconds: number; rows: number }): void => {
    process.stdout.write(
      `${what}: ${seconds.toFixed(1)} s, ${(bytes / seconds / 1e6).toFixed(1)} MB/s, ${rows} rows\n`,
    );
  };
  const one = await together(socketUrl, names.slice(0, 1));
  told('one host', one);
  const all = await together(socketUrl, names);
  told(`${hosts} hosts`, all);
  process.stdout.write(`${(one.seconds / all.seconds).toFixed(2)} times\n`);
} finally {
  takeDown();
  way.close();
  await s3.stop();
  await stopEmbedded(folder).catch(() => {});
  rmSync(folder, { recursive: true, force: true });
}
