/** Sends metrics and spans by OTLP as the standard variables say, and offers metrics to Prometheus. Never in a load's way. */

import { hostname } from 'node:os';
import type { Meter, Tracer } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import {
  type IMetricReader,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { pause } from '../base/pause.ts';
import { type MetricsPage, openMetricsPage } from './metrics_page.ts';
import type { Protocol, Wanted } from './wanted.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What is left to send at the end may take no longer: a collector that is down keeps nobody. */
const FLUSH_MS = 2_000;

/** Where what is measured goes. */
export interface Sending {
  readonly meter: Meter;
  readonly tracer: Tracer;
  /** Of the page for Prometheus; null without one. */
  readonly page: string | null;
  /** Sends what is left, within a bound; resolves to why not all of it arrived, null if it did. */
  close(): Promise<string | null>;
}

/** @throws BackhaulError `usage` for a port in use; whatever is wrong with a collector is no error. */
export async function openSending(
  wanted: Wanted,
  environment: Environment,
  version: string,
): Promise<Sending> {
  const told = new Delivery();
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': 'backhaul',
        'service.version': version,
        'host.name': hostname(),
      }),
    )
    .merge(detectResources({ detectors: [serviceInstanceIdDetector] }))
    .merge(detectResources({ detectors: [envDetector] }));
  const readers: IMetricReader[] = [];
  let page: MetricsPage | null = null;
  if (wanted.port !== null) {
    const prometheus = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
    page = await openMetricsPage(prometheus, wanted.port);
    readers.push(prometheus);
  }
  if (wanted.metrics !== null)
    readers.push(
      new PeriodicExportingMetricReader({
        exporter: told.watching(await metricExporter(wanted.metrics)),
        ...periods(environment),
      }),
    );
  const meters = new MeterProvider({ resource, readers });
  const traces = new TracerProvider({
    resource,
    sampler: samplerOf(environment),
    spanProcessors:
      wanted.traces === null
        ? []
        : [
            new BatchSpanProcessor({
              exporter: told.watching(await spanExporter(wanted.traces)),
              maxQueueSize: wholeOf(environment, 'OTEL_BSP_MAX_QUEUE_SIZE') ?? 8192,
              maxExportBatchSize: wholeOf(environment, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512,
              scheduledDelayMillis: wholeOf(environment, 'OTEL_BSP_SCHEDULE_DELAY') ?? 5_000,
              exportTimeoutMillis: wholeOf(environment, 'OTEL_BSP_EXPORT_TIMEOUT') ?? 30_000,
            }),
          ],
  });
  return {
    meter: meters.getMeter('backhaul', version),
    tracer: traces.getTracer('backhaul', version),
    page: page?.address ?? null,
    close: async () => {
      const ended = Promise.allSettled([meters.shutdown(), traces.shutdown()]).then(() => true);
      const inTime = await Promise.race([ended, pause(FLUSH_MS).then(() => false)]);
      await page?.close();
      return told.failure ?? (inTime ? null : `no answer within ${FLUSH_MS / 1000} s`);
    },
  };
}

async function metricExporter(protocol: Protocol): Promise<PushMetricExporter> {
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto');
  return new OTLPMetricExporter();
}

async function spanExporter(protocol: Protocol): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

/** Remembers whether the last of what was sent arrived. */
class Delivery {
  failure: string | null = null;

  watching<E extends PushMetricExporter | SpanExporter>(exporter: E): E {
    const send = exporter.export.bind(exporter) as (items: never, done: PushDone) => void;
    exporter.export = (items: never, done: PushDone) =>
      send(items, (result) => {
        this.failure =
          result.error === undefined ? null : (result.error.message.split('\n', 1)[0] ?? 'unknown');
        done(result);
      });
    return exporter;
  }
}

type PushDone = Parameters<PushMetricExporter['export']>[1];

function wholeOf(environment: Environment, name: string): number | undefined {
  const text = environment[name]?.trim() ?? '';
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** Between two exports, and how long one may take, ms: the latter may not be longer. */
function periods(environment: Environment): { exportIntervalMillis: number; exportTimeoutMillis: number } {
  const exportIntervalMillis = wholeOf(environment, 'OTEL_METRIC_EXPORT_INTERVAL') ?? 60_000;
  const timeout = wholeOf(environment, 'OTEL_METRIC_EXPORT_TIMEOUT') ?? 30_000;
  return { exportIntervalMillis, exportTimeoutMillis: Math.min(timeout, exportIntervalMillis) };
}

function samplerOf(environment: Environment): Sampler {
  const name = environment['OTEL_TRACES_SAMPLER']?.trim() ?? '';
  const share = Number(environment['OTEL_TRACES_SAMPLER_ARG'] ?? '1');
  const root = name.endsWith('always_off')
    ? new AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new TraceIdRatioBasedSampler(share >= 0 && share <= 1 ? share : 1)
      : new AlwaysOnSampler();
  return name === '' || name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
