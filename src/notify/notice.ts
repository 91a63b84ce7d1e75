/** What somebody who does not watch is told of: plain data, and who wants to hear of what. Pure. */

/** What notices are about, and what `--notify-on` chooses from. */
export const NOTICE_EVENTS = ['failure', 'finish', 'findings', 'gaps', 'stale'] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

/** How loud: `critical` is a failure for the third time in a row, or a gap of more than a week. */
export type NoticeLevel = 'info' | 'warning' | 'error' | 'critical';

/** One message; names and texts hold no secrets and no control characters. */
export interface Notice {
  readonly type: 'notice';
  readonly event: NoticeEvent;
  readonly level: NoticeLevel;
  /** One line. */
  readonly title: string;
  /** Facts, a line each. */
  readonly lines: readonly string[];
  /** The command, such as `load`, and its run in `backhaul.run` where it has one. */
  readonly command: string;
  readonly runId: number | null;
  /** ISO 8601. */
  readonly at: string;
}

/** A day and a week: gaps shorter than the one are told of by `gaps list` alone, beyond the other loudly. */
export const GAP_WARNING_US = 86_400_000_000;
export const GAP_CRITICAL_US = 7 * GAP_WARNING_US;

/** Failures in a row from which on they are one louder message. */
const LOUD_FAILURES = 3;

/** The level of a failure that is the `inARow`-th. */
export function failureLevel(inARow: number): NoticeLevel {
  return inARow >= LOUD_FAILURES ? 'critical' : 'error';
}

/** The same text for a mail, a chat and a log: title first, then the facts. */
export function noticeText({ title, lines }: Notice): string {
  return [title, ...lines].join('\n');
}
