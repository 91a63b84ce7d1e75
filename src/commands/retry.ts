/** `backhaul retry`: failed files back to pending. */

import type { Argv } from 'yargs';
import { counted } from '../base/quantities.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { TaskFailure } from '../state/runs/status.ts';
import { fileText } from '../ui/fault_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import {
  DATABASE_SETTINGS,
  requireDatabase,
  requireTables,
  withDatabase,
} from './options/database_option.ts';
import { type Arguments, type Command, declare, onOff, readFlags } from './options/settings.ts';
import { print, say } from './program/screen.ts';

const RETRY_SETTINGS = {
  ...DATABASE_SETTINGS,
  all: onOff({ group: 'Which:', describe: 'All that failed; so it is without a pattern' }),
  json: onOff({ group: 'Output:', describe: 'One JSON object a line on stdout' }),
};

/** Loads that are looked through for the one that held a file. */
const LOADS = 1_000;

/** More than this many failed files are matched against no pattern: `--all`, or several times. */
const MOST = 1_000_000;

export const command: Command = {
  settings: [RETRY_SETTINGS],
  command: 'retry [pattern..]',
  describe: 'Put failed files back to pending',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, RETRY_SETTINGS)
      .positional('pattern', {
        describe: 'Part of a path or entry, with * for anything; or the number of a task',
      })
      .example('$0 retry', 'everything that failed')
      .example("$0 retry '*/2024/04/*'", '')
      .epilogue('Then run the load again: it takes what is pending.'),
  handler: async (argv) => {
    const { flags } = readFlags(RETRY_SETTINGS, ['pattern'], argv);
    const patterns = ((argv['pattern'] ?? []) as readonly string[]).map(String);
    if (flags.all && patterns.length > 0) {
      throw new BackhaulError({ kind: 'usage', message: '--all and a pattern contradict each other' });
    }
    const done = await withDatabase(await requireDatabase(flags.database), ({ url }) =>
      retry(url, patterns, argv['database'] === undefined ? undefined : flags.database),
    );
    if (flags.json) print(eventLine({ type: 'retry', ...done }));
    else show(done, patterns);
  },
};

interface Done {
  readonly requeued: number;
  readonly unplanned: number;
  /** What loads them: each with the source and the flags of the load that held them. */
  readonly commands: readonly string[];
}

async function retry(url: string, patterns: readonly string[], database: string | undefined): Promise<Done> {
  const { connect } = await import('../database/connect.ts');
  const { statusSummary } = await import('../state/runs/status.ts');
  const { requeueFailed } = await import('../state/tasks/requeue.ts');
  const { pastLoads } = await import('../state/runs/run_store.ts');
  const { commandsFor } = await import('./next_load.ts');
  const client = await connect(url, { applicationName: 'backhaul retry' });
  try {
    await requireTables(client);
    const { failures } = await statusSummary(client, MOST);
    const chosen = patterns.length === 0 ? failures : failures.filter((task) => matches(task, patterns));
    const uris = [...new Set(chosen.map((task) => task.uri))].sort();
    const commands = commandsFor(uris, await pastLoads(client, LOADS), process.cwd(), database);
    const taskIds = patterns.length === 0 ? null : chosen.map((task) => task.taskId);
    return { ...(await requeueFailed(client, taskIds)), commands };
  } finally {
    await client.end();
  }
}

/** Whether a pattern names the task: its number, or a part of how it is shown. */
function matches(task: TaskFailure, patterns: readonly string[]): boolean {
  const names = [fileText(task.uri, task.entry), task.uri, task.entry ?? ''];
  return patterns.some((pattern) => {
    if (/^\d+$/.test(pattern)) return task.taskId === Number(pattern);
    const expression = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const looked = new RegExp(expression.join('.*'), 'is');
    return names.some((name) => looked.test(name));
  });
}

function show(done: Done, patterns: readonly string[]): void {
  if (done.requeued + done.unplanned === 0) {
    print(patterns.length === 0 ? 'Nothing has failed.' : 'No failed file matches.');
    return;
  }
  if (done.unplanned > 0) {
    say(
      `${counted(done.unplanned, 'failed file')} could not be read when listed: the next load looks again.`,
    );
  }
  if (done.requeued > 0) print(`${counted(done.requeued, 'file')} back to pending.`);
  const [first, ...more] = done.commands;
  print(
    `Now run:  ${first}`,
    more.map((command) => `          ${command}`),
  );
}
