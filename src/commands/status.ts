/** `backhaul status`: what is loaded, what waits, what failed and why. */

import type { Client } from 'pg';
import type { Argv } from 'yargs';
import { pause } from '../base/pause.ts';
import { eventLine } from '../ui/json_lines.ts';
import { type Status, statusLines } from '../ui/status_text.ts';
import {
  DATABASE_SETTINGS,
  requireDatabase,
  requireTables,
  withDatabase,
} from './options/database_option.ts';
import { type Arguments, type Command, declare, onOff, readFlags } from './options/settings.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, stdoutGone, stdoutStyle, stdoutWidth, whenStdoutGoes } from './program/screen.ts';

const STATUS_SETTINGS = {
  ...DATABASE_SETTINGS,
  watch: onOff({ group: 'Output:', describe: 'Again every 2 s, until Ctrl-C' }),
  json: onOff({ group: 'Output:', describe: 'One JSON object a line on stdout' }),
};

const WATCH_MS = 2000;

export const command: Command = {
  settings: [STATUS_SETTINGS],
  command: 'status',
  describe: 'Show what is loaded, what waits, what failed and why',
  builder: (yargs) => declare(yargs as Argv<Arguments>, STATUS_SETTINGS),
  handler: async (argv) => {
    const { flags } = readFlags(STATUS_SETTINGS, [], argv);
    const show = flags.json ? showJson : flags.watch && process.stdout.isTTY ? showOver : showLines;
    const { connect } = await import('../database/connect.ts');
    await withDatabase(await requireDatabase(flags.database), async ({ url }) => {
      const client = await connect(url, { applicationName: 'backhaul status' });
      try {
        await requireTables(client);
        if (flags.watch) await watch(client, show);
        else show(await readStatus(client));
      } finally {
        await client.end();
      }
    });
  },
};

/** Loads before the last that its rate is held against. */
const LOADS_COMPARED = 5;

async function readStatus(client: Client): Promise<Status> {
  const { statusSummary } = await import('../state/runs/status.ts');
  const { derivedSums } = await import('../state/series/derivations.ts');
  const { findRun, loadsBefore } = await import('../state/runs/run_history.ts');
  const { comparedText } = await import('../ui/runs_text.ts');
  const summary = await statusSummary(client);
  const { rows } = await client.query<{ bare: number; rows: number | null }>(
    `SELECT (SELECT count(*) FROM backhaul.partition WHERE state = 'bare') AS bare,
            (SELECT (audit->'rows'->>'loaded')::float8 FROM backhaul.run WHERE run_id = $1) AS rows`,
    [summary.lastRun?.runId ?? null],
  );
  const { lastRun } = summary;
  const audit = lastRun === null ? null : ((await findRun(client, lastRun.runId))?.audit ?? null);
  const before = audit === null ? [] : await loadsBefore(client, lastRun!.runId, LOADS_COMPARED);
  return {
    ...summary,
    lastRunRows:
      lastRun === null || lastRun.hosts.length === 0
        ? rows[0]!.rows
        : lastRun.hosts.reduce((sum, host) => sum + host.rows, 0),
    lastRunCompared: audit === null ? null : comparedText(audit, before),
    barePartitions: rows[0]!.bare,
    derived: await derivedSums(client),
  };
}

async function watch(client: Client, show: (status: Status) => void): Promise<void> {
  const interrupt = listenForInterrupt(() => {});
  whenStdoutGoes(() => interrupt.drainNow());
  try {
    while (!interrupt.interrupted && !stdoutGone()) {
      show(await readStatus(client));
      await pause(WATCH_MS, interrupt.drain);
    }
  } finally {
    interrupt.dispose();
  }
}

function showLines(status: Status): void {
  print(statusLines(status, stdoutWidth(), new Date(), stdoutStyle()));
}

/** Home, then each line clears what was there: no flicker, unlike clearing first. */
function showOver(status: Status): void {
  const lines = statusLines(status, stdoutWidth(), new Date(), stdoutStyle());
  const shown = lines.slice(0, Math.max(1, (process.stdout.rows ?? 24) - 1));
  process.stdout.write(`\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
}

function showJson(status: Status): void {
  print(eventLine({ type: 'status', ...status }));
}
