/** Whether anybody wants to be told by OpenTelemetry, by the variables that are standard for it. Imports nothing of it. */

type Environment = Readonly<Record<string, string | undefined>>;

/** How OTLP is spoken over HTTP. */
export type Protocol = 'http/protobuf' | 'http/json';

export interface Wanted {
  /** Null: not sent. */
  readonly metrics: Protocol | null;
  readonly traces: Protocol | null;
  /** Port of the page that Prometheus reads; 0 a free one, null none. */
  readonly port: number | null;
  /** What of the variables cannot be followed, a line each. */
  readonly remarks: readonly string[];
}

/** Null where neither an endpoint is named nor a port asked for: then nothing is loaded, measured or sent. */
export function wantedTelemetry(environment: Environment, port: number | null): Wanted | null {
  const remarks: string[] = [];
  const isOff = environment['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
  const metrics = isOff ? null : protocolOf('METRICS', environment, remarks);
  const traces = isOff ? null : protocolOf('TRACES', environment, remarks);
  if (metrics === null && traces === null && port === null && remarks.length === 0) return null;
  return { metrics, traces, port, remarks };
}

function protocolOf(
  signal: 'METRICS' | 'TRACES',
  environment: Environment,
  remarks: string[],
): Protocol | null {
  const of = (name: string): string => environment[name]?.trim() ?? '';
  const own = `OTEL_EXPORTER_OTLP_${signal}`;
  const variable = of(`${own}_ENDPOINT`) === '' ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : `${own}_ENDPOINT`;
  const endpoint = of(variable);
  if (endpoint === '' || of(`OTEL_${signal}_EXPORTER`) === 'none') return null;
  const protocol = of(`${own}_PROTOCOL`) || of('OTEL_EXPORTER_OTLP_PROTOCOL') || 'http/protobuf';
  const remark =
    protocol !== 'http/protobuf' && protocol !== 'http/json'
      ? `OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf and http/json are spoken, the former at port 4318 as a rule`
      : /^https?:\/\//i.test(endpoint) && URL.canParse(endpoint)
        ? null
        : `${variable} is no http:// or https:// address`;
  if (remark === null) return protocol as Protocol;
  if (!remarks.includes(remark)) remarks.push(remark);
  return null;
}
