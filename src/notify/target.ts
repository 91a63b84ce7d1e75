/** Where a notice goes, read from what the user wrote. Pure: nothing is sent here. */

import { BackhaulError } from '../faults/fault.ts';

export type ChatKind = 'slack' | 'discord' | 'teams';

export type Target =
  | { readonly kind: ChatKind | 'webhook'; readonly url: string; readonly shown: string }
  | {
      readonly kind: 'mail';
      readonly server: string;
      readonly from: string;
      readonly to: string;
      readonly shown: string;
    }
  | { readonly kind: 'command'; readonly command: string; readonly shown: string };

/** Hosts whose webhooks take a form of their own. */
const CHAT_HOSTS: readonly (readonly [ChatKind, RegExp])[] = [
  ['slack', /^hooks\.slack\.com$/],
  ['discord', /^(?:.+\.)?discord(?:app)?\.com$/],
  ['teams', /(?:\.webhook\.office\.com|\.logic\.azure\.com|\.powerplatform\.com)$/],
];

const FORMS =
  'https://… (Slack, Discord and Teams are known by their hosts), slack+http://…, discord+…, teams+…, webhook+…, ' +
  'smtp://[user:password@]host[:port]/?from=me@host&to=you@host, smtps://…, or command:<program and arguments>';

/**
 * One `--notify`. An address in a notice of our own is its kind and host: the rest of a webhook's address is a secret.
 * Fault `usage` for what cannot be meant; it does not repeat the text.
 */
export function parseTarget(text: string): Target {
  if (text.startsWith('command:')) {
    const command = text.slice('command:'.length).trim();
    if (command === '') throw refused('a command is missing behind command:');
    return { kind: 'command', command, shown: `command ${command.split(/\s+/, 1)[0]}` };
  }
  const named = /^(slack|discord|teams|webhook)\+/.exec(text);
  const address = named === null ? text : text.slice(named[0].length);
  if (!URL.canParse(address)) throw refused('this is no address');
  const url = new URL(address);
  if (url.protocol === 'smtp:' || url.protocol === 'smtps:') return mail(url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused(`${url.protocol}// is not known`);
  const kind = (named?.[1] as ChatKind | 'webhook' | undefined) ?? chatOf(url.hostname) ?? 'webhook';
  return { kind, url: url.href, shown: `${kind} at ${url.host}` };
}

function chatOf(host: string): ChatKind | undefined {
  return CHAT_HOSTS.find(([, pattern]) => pattern.test(host))?.[0];
}

function mail(url: URL): Target {
  const to = url.searchParams.get('to');
  const from = url.searchParams.get('from') ?? to;
  if (to === null || from === null || to === '' || from === '')
    throw refused('a mail needs ?to=you@host behind the server');
  const server = new URL(url.href);
  server.search = '';
  return { kind: 'mail', server: server.href, from, to, shown: `mail to ${to}` };
}

function refused(why: string): BackhaulError {
  return new BackhaulError({
    kind: 'usage',
    message: `--notify: ${why}`,
    expected: FORMS,
  });
}
