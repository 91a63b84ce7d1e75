/** `--metrics-port` and the variables of OpenTelemetry: a command that is measured where somebody wants to be told. */

import type { LoadReporter, LoadSummary } from '../../load/load_events.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { wantedTelemetry } from '../../telemetry/wanted.ts';
import { redact } from '../../ui/redact.ts';
import { sanitise } from '../../ui/text.ts';
import { EXIT } from '../program/exit_codes.ts';
import { say, stderrStyle } from '../program/screen.ts';
import { version } from '../program/version.ts';
import { value } from './settings.ts';
import { parsePort } from './value_parsers.ts';

export const METRICS_SETTINGS = {
  'metrics-port': value(
    { group: 'Output:', describe: 'Offer metrics to Prometheus at this port of 127.0.0.1 while at work' },
    parsePort,
  ),
};

/**
 * Runs a command and tells OpenTelemetry how it went, where its variables or a port say so; else nothing of that is even
 * loaded. A collector that cannot be reached is told in one line, and changes nothing.
 */
export async function measured(
  command: string,
  port: number | undefined,
  work: (telemetry: Telemetry | null) => Promise<void>,
): Promise<void> {
  const wanted = wantedTelemetry(process.env, port ?? null);
  for (const remark of wanted?.remarks ?? []) warn(`nothing is sent by OpenTelemetry: ${remark}`);
  if (wanted === null || (wanted.metrics === null && wanted.traces === null && wanted.port === null))
    return work(null);
  const { Telemetry } = await import('../../telemetry/telemetry.ts');
  const telemetry = await Telemetry.open(wanted, command, process.env, version());
  if (telemetry.page !== null) say(`Metrics: ${telemetry.page}`);
  const close = async (...how: Parameters<Telemetry['close']>): Promise<void> => {
    const lost = await telemetry.close(...how);
    if (lost !== null) warn(`not all of what was measured was taken: ${redact(sanitise(lost))}`);
  };
  try {
    await work(telemetry);
  } catch (error) {
    const { faultOf } = await import('../../faults/classify.ts');
    const fault = faultOf(error);
    await close(fault.kind === 'interrupted' ? 'interrupted' : 'failed', fault);
    throw error;
  }
  const code = Number(process.exitCode ?? EXIT.fine);
  await close(
    code === EXIT.fine
      ? 'finished'
      : code === EXIT.incomplete
        ? 'incomplete'
        : code === EXIT.interrupted
          ? 'interrupted'
          : 'failed',
    null,
  );
}

/** Listens to a load for `telemetry`, and hears how it ended. */
export async function measuringLoad(
  telemetry: Telemetry | null,
  reporter: LoadReporter,
  run: (reporter: LoadReporter) => Promise<LoadSummary>,
): Promise<LoadSummary> {
  if (telemetry === null) return run(reporter);
  const measures = telemetry.load();
  let summary: LoadSummary | null = null;
  try {
    summary = await run((event) => {
      measures.event(event);
      reporter(event);
    });
    return summary;
  } finally {
    measures.end(summary);
  }
}

function warn(text: string): void {
  say(`${stderrStyle().yellow('warning:')} ${text}`);
}
