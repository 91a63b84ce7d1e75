import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { type DeliverySettings, deliver } from '../../src/notify/deliver.ts';
import type { Notice } from '../../src/notify/notice.ts';
import { LongGaps, noticeOfLoad, noticesOfFindings } from '../../src/notify/of_commands.ts';
import { parseTarget } from '../../src/notify/target.ts';
import { answerOf } from '../commands/in_process.ts';
import { scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';

/** Real receivers on loopback: an HTTP server for webhooks, an SMTP server for mail, a command of the shell. */

const scratch = scratchFolder();
const NOTICE: Notice = {
  type: 'notice',
  event: 'failure',
  level: 'error',
  title: 'load: 2 files failed',
  lines: ['a.csv: <bad> & worse', '10 rows in 1 file, 2 s'],
  command: 'load',
  runId: 7,
  at: '2026-03-04T05:06:07.000Z',
};
const QUICK: DeliverySettings = { secret: null, timeoutMs: 2_000, retries: 2, pauseMs: 1 };

interface Request {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const open: { close(done: () => void): unknown }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise<void>((done) => server.close(() => done()));
});

/** Answers with these statuses one after another, the last for ever. */
async function receiver(...statuses: number[]): Promise<{ url: string; requests: Request[] }> {
  const requests: Request[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      requests.push({ headers: request.headers, body });
      response.writeHead(statuses[Math.min(requests.length, statuses.length) - 1] ?? 200).end('ok');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cret`, requests };
}

describe('a notice', () => {
  it('reaches a plain webhook as signed JSON', async () => {
    const { url, requests } = await receiver(200);
    expect(await deliver(NOTICE, [parseTarget(url)], { ...QUICK, secret: 'pepper' })).toEqual([]);
    const [{ headers, body } = { headers: {}, body: '' }] = requests;
    expect(JSON.parse(body)).toEqual(NOTICE);
    const signed = createHmac('sha256', 'pepper').update(`${headers['x-backhaul-timestamp']}.${body}`);
    expect(headers['x-backhaul-signature']).toBe(`sha256=${signed.digest('hex')}`);
  });

  it('speaks as each chat wants it', async () => {
    const { url, requests } = await receiver(200);
    for (const chat of ['slack', 'discord', 'teams'])
      await deliver(NOTICE, [parseTarget(`${chat}+${url}`)], QUICK);
    const [slack, discord, teams] = requests.map(({ body }) => JSON.parse(body));
    expect(slack).toMatchObject({
      text: NOTICE.title,
      attachments: [{ text: expect.stringContaining('&lt;bad&gt; &amp; worse') }],
    });
    expect(discord).toMatchObject({ embeds: [{ title: NOTICE.title }], allowed_mentions: { parse: [] } });
    expect(teams.attachments[0].content).toMatchObject({
      type: 'AdaptiveCard',
      body: [{ text: NOTICE.title }, {}, {}],
    });
    await deliver({ ...NOTICE, level: 'critical' }, [parseTarget(`discord+${url}`)], QUICK);
    expect(JSON.parse(requests[3]!.body)).toMatchObject({ content: '@here' });
  });

  it('is a mail', async () => {
    const mails: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _session, done) => {
        let text = '';
        stream.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        stream.on('end', () => {
          mails.push(text);
          done();
        });
      },
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    open.push(server);
    const { port } = server.server.address() as AddressInfo;
    const target = parseTarget(`smtp://127.0.0.1:${port}/?from=loader@example.org&to=me@example.org`);
    expect(await deliver(NOTICE, [target], QUICK)).toEqual([]);
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain('Subject: [backhaul] load: 2 files failed');
    expect(mails[0]).toContain('To: me@example.org');
    expect(mails[0]).toContain('10 rows in 1 file');
  });

  it('is a line on the stdin of a command', async () => {
    const file = join(scratch, 'told.json');
    expect(await deliver(NOTICE, [parseTarget(`command:cat > ${file}`)], QUICK)).toEqual([]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(NOTICE);
  });

  it('is tried again after 500, not after 404, and told of by host alone where nothing helps', async () => {
    const flaky = await receiver(500, 503, 200);
    expect(await deliver(NOTICE, [parseTarget(flaky.url)], QUICK)).toEqual([]);
    expect(flaky.requests).toHaveLength(3);
    const gone = await receiver(404);
    const [lost] = await deliver(NOTICE, [parseTarget(gone.url)], QUICK);
    expect(gone.requests).toHaveLength(1);
    expect(lost).toEqual({
      target: expect.stringMatching(/^webhook at 127\.0\.0\.1:\d+$/),
      why: 'it answered 404',
    });
    const [refused] = await deliver(NOTICE, [parseTarget('http://127.0.0.1:9/s3cret')], QUICK);
    expect(refused).toEqual({ target: 'webhook at 127.0.0.1:9', why: expect.not.stringContaining('s3cret') });
    expect(await deliver(NOTICE, [parseTarget('command:exit 4')], { ...QUICK, retries: 0 })).toEqual([
      { target: 'command exit', why: 'it ended with 4' },
    ]);
  });
});

describe('a target', () => {
  it('is known by its host, and refused without repeating it', () => {
    const kinds = [
      ['https://hooks.slack.com/services/T/B/x', 'slack'],
      ['https://discord.com/api/webhooks/1/x', 'discord'],
      ['https://acme.webhook.office.com/x', 'teams'],
      ['https://example.org/x', 'webhook'],
      ['smtps://u:p@mail.example.org/?to=a@example.org', 'mail'],
    ] as const;
    for (const [text, kind] of kinds) expect(parseTarget(text).kind).toBe(kind);
    for (const text of ['s3cret', 'ftp://host/s3cret', 'smtp://u:s3cret@host', 'command: ']) {
      expect(() => parseTarget(text)).toThrow(
        expect.objectContaining({ fault: expect.objectContaining({ kind: 'usage' }) }),
      );
      try {
        parseTarget(text);
      } catch (error) {
        expect(JSON.stringify((error as { fault: unknown }).fault)).not.toContain('s3cret');
      }
    }
  });
});

describe('what there is to tell', () => {
  const summary = {
    tasks: { loaded: 1, failed: 2, skipped: 0, unchanged: 0, released: 0 },
    rows: { read: 10, loaded: 10, rejected: 0, duplicate: 0, conflict: 0, outside: 0 },
    failures: [
      {
        uri: 's3://b/k/a.csv?X-Amz-Signature=s3cret',
        entry: null,
        taskId: 1,
        fault: { kind: 'corrupt', message: 'torn' },
      },
    ],
    seconds: 2,
    runId: 3,
  } as unknown as Parameters<typeof noticeOfLoad>[0];

  it('grows loud with the third failure in a row', () => {
    expect(noticeOfLoad(summary, 'load', 2)).toMatchObject({ event: 'failure', level: 'error' });
    const loud = noticeOfLoad(summary, 'load', 3);
    expect(loud).toMatchObject({ level: 'critical', title: 'load: 2 files failed, 3 runs in a row' });
    expect(JSON.stringify(loud)).not.toContain('s3cret');
  });

  it('is gaps of more than a day, loudly of more than a week', () => {
    const day = 86_400e6;
    const gap = (days: number) => ({
      venue: 'kraken',
      symbol: 'XBTUSD',
      intervalS: 60,
      fromUs: 0,
      toUs: days * day,
    });
    const noticeOf = (...days: number[]) => {
      const long = new LongGaps();
      for (const one of days) long.take(gap(one));
      return long.notice('gaps scan');
    };
    expect(noticeOf(1)).toBeNull();
    expect(noticeOf(1, 2)).toMatchObject({
      level: 'warning',
      title: '1 gap of more than a day',
    });
    expect(noticeOf(2, 8)).toMatchObject({
      level: 'critical',
      lines: [expect.stringContaining('1970-01-09'), {}],
    });
    const many = noticeOf(...Array.from({ length: 60 }, (_, i) => 2 + (i % 5)), 9)!;
    expect(many.lines).toHaveLength(10);
    expect(many.lines[0]).toContain('1970-01-10');
    expect(many.lines[9]).toBe('… and 52 more');
  });

  it('tells findings and staleness apart', () => {
    const findings = [
      { check: 'fresh', count: 1, text: 'old' },
      { check: 'jumps', count: 4, text: 'jumped' },
    ];
    expect(noticesOfFindings(findings, 'validate').map(({ event, title }) => [event, title])).toEqual([
      ['stale', '1 series stale'],
      ['findings', '4 findings'],
    ]);
  });
});

it('a load tells of its failure, and ends as it would without anybody to tell', async () => {
  const database = await testDatabase();
  const { url, requests } = await receiver(200);
  const file = join(scratch, 'XBTUSD_60.csv');
  writeFileSync(file, 'not,a,bar\n'.repeat(30));
  const env = { DATABASE_URL: database.url };
  const told = await answerOf(['load', file, '--notify', url, '--notify-on', 'all'], { env });
  expect(told.code).toBe(3);
  expect(requests.map(({ body }) => JSON.parse(body))).toMatchObject([{ event: 'failure', command: 'load' }]);
  writeFileSync(file, '1704067200,1,2,1,2,5,3\n');
  // An answer that is not worth another try, for each waits longer than the one before.
  const { url: gone } = await receiver(410);
  const deaf = await answerOf(['load', file, '--notify', gone, '--notify-on', 'finish', '--json'], { env });
  expect(deaf.code).toBe(0);
  expect(deaf.stderr).toMatch(/notice not delivered to .*127\.0\.0\.1.*: .*410/);
  const shown = await answerOf(['runs', '--json'], { env });
  expect(shown.stdout.trim().split('\n')).toHaveLength(2);
  const one = await answerOf(['runs', 'show', '2'], { env });
  expect(one.stdout).toMatch(/Run 2: load, started .*finished/);
  expect((await answerOf(['runs', 'compare', '1', '2'], { env })).stdout).toMatch(/rows\s+0\s+1/);
  expect(await answerOf(['runs', 'show', '99'], { env })).toMatchObject({ code: 2, stdout: '' });
});
