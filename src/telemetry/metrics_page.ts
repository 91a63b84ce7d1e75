/** The page that Prometheus reads: on loopback alone, and nothing but numbers. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { isOwnName, LOOPBACK, listenOnLoopback } from '../web/loopback.ts';

export interface MetricsPage {
  readonly address: string;
  close(): Promise<void>;
}

/** What Prometheus calls a unit; what is in braces only says what is counted. */
const UNITS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

/**
 * Names as they would be had Prometheus taken them by OTLP, so that the same dashboards and rules serve for both: with
 * the unit at their end, which the serializer leaves out.
 */
function withUnits(measured: ResourceMetrics): ResourceMetrics {
  const renamed = <M extends MetricData>(metric: M): M => {
    const unit = UNITS[metric.descriptor.unit] ?? '';
    const name = unit === '' ? metric.descriptor.name : `${metric.descriptor.name}_${unit}`;
    return { ...metric, descriptor: { ...metric.descriptor, name, unit } };
  };
  return {
    ...measured,
    scopeMetrics: measured.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(renamed) })),
  };
}

/** `port` 0 takes a free one. Fault `usage` for a port in use. */
export async function openMetricsPage(exporter: PrometheusExporter, port: number): Promise<MetricsPage> {
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  const server = createServer((request, response) => {
    const refuse = (status: number): void => void response.writeHead(status).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
    if (!isOwnName(request.headers.host)) return refuse(421);
    if (request.url?.replace(/\?.*$/, '') !== '/metrics') return refuse(404);
    exporter.collect().then(
      ({ resourceMetrics }) => {
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        response.end(serializer.serialize(withUnits(resourceMetrics)));
      },
      () => response.destroy(),
    );
  });
  server.keepAliveTimeout = 5_000;
  server.headersTimeout = 10_000;
  server.maxConnections = 16;
  // A load that has ended does not go on for the page's sake.
  server.unref();
  await listenOnLoopback(server, port);
  return {
    address: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
