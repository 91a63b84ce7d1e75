/** One run of a command, measured from its begin to its end. Loaded only where somebody wants to be told. */

import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Fault } from '../faults/fault.ts';
import type { ApiRequest } from '../gaps/api_client.ts';
import type { FillSummary } from '../gaps/fill.ts';
import {
  type FillInstruments,
  fillInstruments,
  type RunInstruments,
  runInstruments,
  stepDuration,
} from './instruments.ts';
import { LoadMeasures } from './load_measures.ts';
import { openSending, type Sending } from './sending.ts';
import type { Wanted } from './wanted.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How a run ended. */
export type RunOutcome = 'finished' | 'incomplete' | 'failed' | 'interrupted';

export class Telemetry {
  readonly #sending: Sending;
  readonly #command: string;
  readonly #began = performance.now();
  readonly #instruments: RunInstruments;
  readonly #span: Span;
  readonly #context: Context;
  #fill: FillInstruments | null = null;

  /** @throws BackhaulError `usage` for a port in use */
  static async open(
    wanted: Wanted,
    command: string,
    environment: Environment,
    version: string,
  ): Promise<Telemetry> {
    return new Telemetry(
      await openSending(wanted, environment, version),
      command,
      environment['TRACEPARENT'] ?? '',
    );
  }

  private constructor(sending: Sending, command: string, parent: string) {
    this.#sending = sending;
    this.#command = command;
    this.#instruments = runInstruments(sending.meter);
    const outer = contextOf(parent);
    this.#span = sending.tracer.startSpan(`backhaul ${command}`, {}, outer);
    this.#context = trace.setSpan(outer, this.#span);
  }

  /** Of the page for Prometheus; null without one. */
  get page(): string | null {
    return this.#sending.page;
  }

  load(): LoadMeasures {
    return new LoadMeasures(this.#sending.meter, this.#sending.tracer, this.#context);
  }

  /** A request to an exchange that has been answered, or will not be. */
  request({ host, seconds, status, fault }: ApiRequest): void {
    const attributes = {
      'http.request.method': 'GET',
      'server.address': host,
      ...(status === null ? {} : { 'http.response.status_code': status }),
      ...(fault === null ? {} : { 'error.type': fault.kind }),
    };
    this.#fills.requests.record(seconds, attributes);
    const ended = Date.now();
    const span = this.#sending.tracer.startSpan(
      'GET',
      { kind: SpanKind.CLIENT, startTime: ended - seconds * 1000, attributes },
      this.#context,
    );
    if (fault !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message });
    span.end(ended);
  }

  filled({ filled, partly, failed, remaining, candlesFilled }: FillSummary): void {
    const became = { filled, partly, failed, remaining: remaining.length };
    for (const [outcome, gaps] of Object.entries(became))
      this.#fills.gaps.add(gaps, { 'backhaul.gap.outcome': outcome });
    this.#fills.candles.add(candlesFilled);
    this.#span.setAttributes({ 'backhaul.gaps.filled': filled, 'backhaul.gap.candles': candlesFilled });
  }

  get #fills(): FillInstruments {
    this.#fill ??= fillInstruments(this.#sending.meter);
    return this.#fill;
  }

  /** A step of a job begins; the program that carries it out is told by `environment` whose child its span is. */
  step(name: string): { readonly environment: Readonly<Record<string, string>>; end(outcome: string): void } {
    const began = performance.now();
    const durations = stepDuration(this.#sending.meter);
    const span = this.#sending.tracer.startSpan(`step ${name}`, {}, this.#context);
    return {
      environment: { TRACEPARENT: parentText(span) },
      end: (outcome) => {
        durations.record((performance.now() - began) / 1000, {
          'backhaul.step': name,
          'backhaul.step.outcome': outcome,
        });
        span.setAttribute('backhaul.step.outcome', outcome);
        if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  /** Ends the run; what is left is sent, within a bound. Resolves to why not all of it arrived; null if it did. */
  async close(outcome: RunOutcome, fault: Fault | null): Promise<string | null> {
    this.runEnded(outcome, fault);
    return this.#sending.close();
  }

  /** The run is over; what is known of it by then can still be asked for. */
  runEnded(outcome: RunOutcome, fault: Fault | null): void {
    const attributes = { 'backhaul.command': this.#command, 'backhaul.run.outcome': outcome };
    const why = fault === null ? {} : { 'error.type': fault.kind };
    this.#instruments.runs.add(1, { ...attributes, ...why });
    this.#instruments.duration.record((performance.now() - this.#began) / 1000, attributes);
    this.#instruments.ended(attributes);
    this.#span.setAttributes({ ...attributes, ...why });
    if (outcome === 'failed')
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: fault?.message ?? 'failed' });
    this.#span.end();
  }
}

/** W3C's traceparent, as the environment hands it on: `00-<trace>-<span>-<flags>`. */
function parentText(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function contextOf(parent: string): Context {
  const [, traceId = '', spanId = '', flags = '00'] =
    /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(parent.trim()) ?? [];
  const isSound = /[^0]/.test(traceId) && /[^0]/.test(spanId);
  if (!isSound) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
