import { globSync, readFileSync } from 'node:fs';
import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { measuringLoad } from '../../src/commands/options/telemetry_option.ts';
import type { ProgressEvent, TaskEvent } from '../../src/load/load_events.ts';
import { Telemetry } from '../../src/telemetry/telemetry.ts';
import { wantedTelemetry } from '../../src/telemetry/wanted.ts';
import { runCli } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';

/** What a run tells OpenTelemetry, held against what a receiver on loopback gets of it. */

const database = await testDatabase();
const folder = scratchFolder();
const FROM = Date.UTC(2024, 0, 1) / 1000;
const bars = walk('XBTUSD', FROM, FROM + 200 * 3600, 3600, 3);
write(folder, 'XBTUSD_60.csv', `${krakenCsv(bars)}${FROM + 201 * 3600},1,2,0.5,-7,1,1\n`);
write(folder, 'ETHUSD_60.csv', `${FROM},1,2,0.5,-7,1,1\n`.repeat(40));

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
const received: Received[] = [];
const collector = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    received.push({ path: request.url!, headers: request.headers, body: Buffer.concat(pieces) });
    response.writeHead(200, { 'content-type': request.headers['content-type'] });
    response.end(request.headers['content-type'] === 'application/json' ? '{}' : '');
  });
});
beforeAll(() => new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve)));
afterAll(() => collector.close());
afterEach(() => {
  vi.unstubAllEnvs();
  received.length = 0;
});

function endpoint(): string {
  return `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
}

/** Measures one run as the command line would, by what the environment says. */
async function run(
  environment: Readonly<Record<string, string>>,
  work: (telemetry: Telemetry) => Promise<unknown>,
  port: number | null = null,
): Promise<string | null> {
  // Exporters read their variables by themselves.
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const telemetry = await Telemetry.open(wantedTelemetry(environment, port)!, 'load', environment, '1.2.3');
  await work(telemetry);
  return telemetry.close('incomplete', null);
}

function loading(telemetry: Telemetry): Promise<unknown> {
  return measuringLoad(
    telemetry,
    () => {},
    (heard) =>
      load(database.url, [folder], { workers: 1, reload: true, maxRejects: 5, maxRejectShare: null }, heard),
  );
}

type Json = Readonly<Record<string, unknown>>;

function attributesOf(one: unknown): Record<string, unknown> {
  const { attributes } = one as { attributes: { key: string; value: Json }[] };
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

function bodies(path: string): Json[] {
  return received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString()) as Json);
}

function spansReceived(): Json[] {
  return bodies('/v1/traces').flatMap(
    (body) =>
      (body as never as { resourceSpans: { scopeSpans: { spans: Json[] }[] }[] }).resourceSpans[0]!
        .scopeSpans[0]!.spans,
  );
}

/** Value of each point of a metric in the last export, by its attributes' values. */
function points(name: string): Record<string, number> {
  const { resourceMetrics } = bodies('/v1/metrics').at(-1) as never as {
    resourceMetrics: { scopeMetrics: { metrics: Json[] }[] }[];
  };
  const metric = resourceMetrics[0]!.scopeMetrics[0]!.metrics.find((one) => one['name'] === name)!;
  const { dataPoints } = (metric['sum'] ?? metric['histogram'] ?? metric['gauge']) as { dataPoints: Json[] };
  return Object.fromEntries(
    dataPoints.map((point) => [
      Object.values(attributesOf(point)).join(' '),
      Number(point['asInt'] ?? point['asDouble'] ?? point['count']),
    ]),
  );
}

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a load by OTLP', () => {
  it('tells counts, and a span a run, a phase and an attempt', async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=abc',
      OTEL_SERVICE_NAME: 'night',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      TRACEPARENT: PARENT,
    };
    expect(await run(environment, loading)).toBeNull();
    expect(received.every(({ headers }) => headers['x-key'] === 'abc')).toBe(true);
    expect(points('backhaul.rows')).toMatchObject({ loaded: bars.length, rejected: 1, duplicate: 0 });
    expect(points('backhaul.records.read')).toEqual({ '': bars.length + 1 });
    expect(points('backhaul.tasks')).toMatchObject({ loaded: 1, failed: 1, pending: 0, running: 0 });
    expect(points('backhaul.attempts')).toEqual({ loaded: 1, 'failed too-many-rejects': 1 });
    expect(points('backhaul.attempt.phase.duration')).toEqual({ source: 1, lane: 1, database: 1, work: 1 });
    expect(points('backhaul.run.phase.duration')).toMatchObject({ discover: 1, load: 1 });
    expect(points('backhaul.runs')).toEqual({ 'load incomplete': 1 });
    expect(points('backhaul.read.io')['inflated']).toBeGreaterThan(1000);
    expect(points('process.memory.usage')['']).toBeGreaterThan(1e6);

    const resource = (bodies('/v1/metrics')[0]!['resourceMetrics'] as Json[])[0]!['resource'];
    expect(attributesOf(resource)).toMatchObject({
      'service.name': 'night',
      'service.version': '1.2.3',
      'deployment.environment.name': 'test',
    });
    const spans = spansReceived();
    const named = (name: string): Json[] => spans.filter((span) => span['name'] === name);
    const [root] = named('backhaul load');
    expect(root).toMatchObject({ traceId: PARENT.slice(3, 35), parentSpanId: PARENT.slice(36, 52) });
    for (const phase of ['discover', 'load'])
      expect(named(phase)).toMatchObject([{ parentSpanId: root!['spanId'] }]);
    expect(named('attempt')).toHaveLength(2);
    for (const attempt of named('attempt'))
      expect(attempt).toMatchObject({ traceId: root!['traceId'], parentSpanId: named('load')[0]!['spanId'] });
    const [fine] = named('attempt').filter(
      (span) => attributesOf(span)['backhaul.attempt.outcome'] === 'loaded',
    );
    expect(attributesOf(fine)).toMatchObject({ 'backhaul.rows.loaded': bars.length });
    expect(Number(fine!['endTimeUnixNano'])).toBeGreaterThan(Number(fine!['startTimeUnixNano']));
    expect((fine!['events'] as Json[]).map((event) => attributesOf(event)['backhaul.phase'])).toEqual([
      'source',
      'lane',
      'database',
      'work',
    ]);
  });

  it('speaks protobuf where nobody says otherwise, and names no file or symbol in metrics', async () => {
    const environment = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${endpoint()}/mine` };
    expect(await run(environment, loading)).toBeNull();
    expect(new Set(received.map(({ path }) => path))).toEqual(new Set(['/mine']));
    const { headers, body } = received.at(-1)!;
    expect(headers['content-type']).toBe('application/x-protobuf');
    const texts = textsOf(body);
    expect(texts).toContain('backhaul.records.read');
    expect(texts).toContain('too-many-rejects');
    expect(texts.filter((text) => /XBTUSD|ETHUSD|\.csv|file:/.test(text))).toEqual([]);
  });

  it('goes its way where no collector answers, and says so', async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    };
    expect(await run(environment, async () => {})).toMatch(/ECONNREFUSED|no answer|imed? ?out|retr/i);
  });
});

/** Texts anywhere in a protobuf message whose schema is not at hand: fields of a length, tried as messages first. */
function textsOf(message: Buffer): string[] {
  const texts: string[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('cut short');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const kind = varint() & 7;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (at + length > message.length) throw new Error('cut short');
      const inner = message.subarray(at, at + length);
      at += length;
      texts.push(inner.toString('latin1'));
      try {
        texts.push(...textsOf(inner));
      } catch {
        // It was no message.
      }
    } else throw new Error('no field');
  }
  // Messages with texts in them are texts of a kind too.
  return texts.filter((text) => /^[\x20-\x7e]+$/.test(text));
}

/** What Prometheus reads after a run that had some of everything. */
const PROGRESS: ProgressEvent = {
  type: 'progress',
  phase: 'load',
  tasksDone: 0,
  tasksTotal: 1,
  bytesDone: 0,
  bytesTotal: 1,
  rowsRead: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  tasksFailed: 0,
  workers: 1,
  workersWanted: 1,
  seconds: 1,
  waits: { source: 0, lane: 0, copy: 0 },
};

async function pageOfARun(look: (address: string) => Promise<void>): Promise<void> {
  const retry: TaskEvent = {
    type: 'task',
    uri: 'file:///d/a.gz',
    entry: null,
    outcome: 'retry',
    attempt: 1,
    rows: { read: 0, loaded: 0, rejected: 0, duplicate: 0, empty: 0, conflict: 0, outside: 0, trades: 0 },
    inflatedBytes: 0,
    seconds: 1,
    waits: { source: 0, lane: 0, copy: 0 },
    fault: { kind: 'network', message: 'reset' },
  };
  await run(
    {},
    async (telemetry) => {
      await measuringLoad(
        telemetry,
        () => {},
        (heard) => {
          heard(retry);
          heard({ ...PROGRESS, cpu: { cores: 4, loader: 1.5, server: 0.25, host: null } });
          heard({ ...retry, outcome: 'loaded', fault: null });
          return load(database.url, [folder], { workers: 1, dryRun: true }, heard);
        },
      );
      telemetry.step('load').end('failed');
      telemetry.request({ host: 'api.kraken.com', seconds: 0.2, status: 200, fault: null });
      telemetry.filled({
        type: 'fill',
        gaps: 2,
        candles: 9,
        filled: 1,
        partly: 0,
        candlesFilled: 7,
        failed: 0,
        sources: 1,
        remaining: [],
        load: null,
      });
      telemetry.runEnded('failed', { kind: 'database', message: 'gone' });
      await look(telemetry.page!);
    },
    0,
  );
}

describe('a job of steps', () => {
  it('is one trace: what the program of a step tells hangs on the span of the step', async () => {
    const jobs = { jobs: { kraken: { load: { sources: folder, 'max-rejects': 5 } } } };
    write(folder, 'jobs/jobs.yaml', JSON.stringify(jobs));
    const { code, stderr } = await runCli(['backfill', 'jobs.yaml'], {
      cwd: join(folder, 'jobs'),
      env: {
        DATABASE_URL: database.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        TRACEPARENT: PARENT,
      },
    });
    expect(code, stderr).toBe(3);
    const spans = spansReceived();
    const one = (name: string): Json => {
      const found = spans.filter((span) => span['name'] === name);
      expect([name, found.length]).toEqual([name, 1]);
      return found[0]!;
    };
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([PARENT.slice(3, 35)]));
    const chain = ['backhaul backfill', 'step load', 'backhaul load', 'discover'].map(one);
    expect(chain.map(({ parentSpanId }) => parentSpanId)).toEqual([
      PARENT.slice(36, 52),
      ...chain.slice(0, -1).map(({ spanId }) => spanId),
    ]);
    expect(attributesOf(chain[1])).toMatchObject({ 'backhaul.step.outcome': 'incomplete' });
  });
});

describe('the page for Prometheus', () => {
  it('is plain text on loopback, for those who ask this host for it', async () => {
    await pageOfARun(async (address) => {
      expect(new URL(address).hostname).toBe('127.0.0.1');
      const answer = await fetch(address);
      expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
      const text = await answer.text();
      expect(text).toContain(
        'backhaul_attempts_total{backhaul_attempt_outcome="retry",error_type="network"} 1',
      );
      expect(text).toContain('backhaul_gap_candles_total 7');
      // What cannot be seen is not told as none.
      expect([...text.matchAll(/^backhaul_cpu_usage\{.*\} .*/gm)].map(([line]) => line)).toEqual([
        'backhaul_cpu_usage{backhaul_cpu_of="loader"} 1.5',
        'backhaul_cpu_usage{backhaul_cpu_of="server"} 0.25',
      ]);
      expect(text).toContain('backhaul_cpu_limit 4');
      expect(text).toMatch(/^backhaul_run_end_seconds\{.*backhaul_run_outcome="failed".*\} \d/m);
      expect((await fetch(address, { method: 'POST' })).status).toBe(405);
      expect((await fetch(new URL('/', address))).status).toBe(404);
      const elsewhere = await new Promise((resolve) =>
        get(address, { headers: { host: 'elsewhere.example' } }, (response) =>
          resolve(response.resume().statusCode),
        ),
      );
      expect(elsewhere).toBe(421);
    });
  });

  it('refuses a port in use', async () => {
    const { port } = collector.address() as AddressInfo;
    await expect(run({}, async () => {}, port)).rejects.toMatchObject({
      fault: { kind: 'usage', message: `port ${port} is in use` },
    });
  });

  it('has every metric and label that the dashboard and the alerts under deploy ask for', async () => {
    const queries = [
      ...JSON.stringify(JSON.parse(readFileSync('deploy/grafana/loads.json', 'utf8')))
        .matchAll(/"expr":("(?:[^"\\]|\\.)*")/g)
        .map(([, text]) => JSON.parse(text!) as string),
      ...(
        parse(readFileSync('deploy/prometheus/alerts.yaml', 'utf8')) as {
          groups: { rules: { expr: string }[] }[];
        }
      ).groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ].map((query) => query.replaceAll(/\$__(rate_interval|range)/g, '5m'));
    expect(queries.length).toBeGreaterThan(20);
    await pageOfARun(async (address) => {
      const samples = (await (await fetch(address)).text()).split('\n').filter((line) => /^[a-z]/.test(line));
      const metrics = new Set(samples.map((line) => /^\w+/.exec(line)![0]));
      const labels = new Set([
        'job',
        'instance',
        ...samples.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, label]) => label)),
      ]);
      const wrong: string[] = [];
      for (const query of queries)
        promql.parse(query).iterate({
          enter: ({ name, from, to }) => {
            const text = query.slice(from, to);
            if (name === '⚠') wrong.push(`${query}: no PromQL at ${from}`);
            if (name === 'Identifier' && !metrics.has(text)) wrong.push(`${query}: no metric ${text}`);
            if (name === 'LabelName' && !labels.has(text)) wrong.push(`${query}: no label ${text}`);
          },
        });
      expect(wrong).toEqual([]);
      const told = readFileSync('docs/telemetry.md', 'utf8');
      const ours = [...metrics]
        .map((name) => name.replace(/_(bucket|sum|count)$/, ''))
        .filter((name) => name !== 'target_info');
      expect(ours.filter((name) => !told.includes(`\`${name}\``))).toEqual([]);
    });
  });
});

describe('nobody who wants to be told', () => {
  it('has nothing loaded for it: of src/telemetry all others load, before they know, what reads the variables alone', () => {
    const early = globSync('src/**/*.ts')
      .filter((path) => !path.startsWith('src/telemetry/'))
      .filter((path) =>
        /^import (?!type\b)[^;]*'(@opentelemetry\/[^']*|[^']*\/telemetry\/(?!wanted\.ts)[^']*)'/m.test(
          readFileSync(path, 'utf8'),
        ),
      );
    expect(early).toEqual([]);
    expect(readFileSync('src/telemetry/wanted.ts', 'utf8')).not.toMatch(/^import/m);
  });

  it.each<[Record<string, string>, number | null, object | null]>([
    [{}, null, null],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, null, null],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }, null, null],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true' },
      9464,
      { metrics: null, port: 9464 },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' },
      null,
      { metrics: 'http/protobuf', traces: null },
    ],
    [
      {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      },
      null,
      { metrics: null, traces: 'http/json', remarks: [] },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      null,
      { metrics: null, traces: null, remarks: [expect.stringContaining('http/protobuf')] },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' },
      null,
      { metrics: null, remarks: ['OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// address'] },
    ],
  ])('%j and port %s: %j', (environment, port, wanted) => {
    const read = wantedTelemetry(environment, port);
    if (wanted === null) expect(read).toBeNull();
    else expect(read).toMatchObject(wanted);
  });
});
