/** The flags of commands that tell somebody, and the telling. */

import type { LoadSummary } from '../../load/load_events.ts';
import { NOTICE_EVENTS, type Notice, type NoticeEvent } from '../../notify/notice.ts';
import { noticeOfFault, noticeOfLoad } from '../../notify/of_commands.ts';
import { parseTarget, type Target } from '../../notify/target.ts';
import { sanitise } from '../../ui/text.ts';
import { say, stderrStyle } from '../program/screen.ts';
import { list, type Resolved, type Setting, Unreadable, value } from './settings.ts';
import { parseText } from './value_parsers.ts';

const TELL = 'Tell somebody:';

export const NOTIFY_SETTINGS = {
  notify: {
    ...list(
      {
        group: TELL,
        describe:
          'Where notices go: a webhook (Slack, Discord, Teams, plain), smtp://…, command:…; repeatable',
      },
      (texts): readonly Target[] => texts.map(parseTarget),
    ),
    secret: true,
  } satisfies Setting<readonly Target[]>,
  'notify-on': list(
    { group: TELL, describe: `Of what: ${NOTICE_EVENTS.join(', ')}`, otherwise: 'all but finish' },
    parseEvents,
  ),
  'notify-secret': value(
    { group: TELL, describe: 'Signs what plain webhooks get (HMAC-SHA-256)', secret: true },
    parseText,
  ),
};

const BY_DEFAULT: readonly NoticeEvent[] = NOTICE_EVENTS.filter((event) => event !== 'finish');

function parseEvents(texts: readonly string[]): readonly NoticeEvent[] {
  if (texts.length === 1 && texts[0] === 'all') return NOTICE_EVENTS;
  return texts.map((text) => {
    const event = NOTICE_EVENTS.find((one) => one === text);
    if (event === undefined) throw new Unreadable(`some of ${NOTICE_EVENTS.join(', ')}, or all`);
    return event;
  });
}

/**
 * Sends the notices that are wanted, waits until each is delivered or given up, and says on stderr which were not:
 * whatever happens to a notice, what it is about stays as it is.
 */
export async function tell(
  flags: Resolved<typeof NOTIFY_SETTINGS>,
  notices: readonly (Notice | null)[],
): Promise<void> {
  const targets = flags.notify ?? [];
  const wanted = flags['notify-on'] ?? BY_DEFAULT;
  const due = notices.filter((one): one is Notice => one !== null && wanted.includes(one.event));
  if (targets.length === 0 || due.length === 0) return;
  const { DELIVERY, deliver } = await import('../../notify/deliver.ts');
  const settings = { ...DELIVERY, secret: flags['notify-secret'] ?? null };
  for (const one of due) {
    for (const { target, why } of await deliver(one, targets, settings))
      say(`${stderrStyle().yellow('warning:')} notice not delivered to ${sanitise(target)}: ${why}`);
  }
}

/** Tells of a load at its end; `url` is its database, null where it had none (a dry run tells nobody). */
export async function tellOfLoad(
  flags: Resolved<typeof NOTIFY_SETTINGS>,
  url: string | null,
  command: string,
  summary: LoadSummary,
): Promise<void> {
  if (flags.notify === undefined || url === null || summary.dryRun || summary.interrupted) return;
  await tell(flags, [
    noticeOfLoad(summary, command, summary.tasks.failed > 0 ? await failures(url, command) : 0),
  ]);
}

/** Runs `work`; a fault it ends in is told, and thrown on. */
export async function tellingFaults<T>(
  flags: Resolved<typeof NOTIFY_SETTINGS>,
  command: string,
  url: () => string | null,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { faultOf } = await import('../../faults/classify.ts');
    const fault = faultOf(error);
    if (flags.notify !== undefined && fault.kind !== 'usage' && fault.kind !== 'interrupted') {
      const at = url();
      await tell(flags, [
        noticeOfFault(fault, command, Math.max(1, at === null ? 1 : await failures(at, command))),
      ]);
    }
    throw error;
  }
}

/** Failures in a row as the database has them; 1 where it cannot be asked, which may be what the notice is about. */
async function failures(url: string, command: string): Promise<number> {
  const { connect } = await import('../../database/connect.ts');
  const { failuresInARow } = await import('../../state/runs/run_history.ts');
  try {
    const client = await connect(url, { applicationName: 'backhaul notify', statementTimeoutMs: 10_000 });
    try {
      return await failuresInARow(client, command);
    } finally {
      await client.end();
    }
  } catch {
    return 1;
  }
}
