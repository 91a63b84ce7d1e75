/** Sends notices: each to all targets at once, tried again for a while, never a reason for a load to fail. */

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import pRetry, { AbortError } from 'p-retry';
import type { Notice, NoticeLevel } from './notice.ts';
import { noticeText } from './notice.ts';
import type { ChatKind, Target } from './target.ts';

export interface DeliverySettings {
  /** Signs what plain webhooks get; null: unsigned. */
  readonly secret: string | null;
  /** How long one try may take, and how many tries there are after the first, ms. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** The first pause between two tries; each further one is twice as long. */
  readonly pauseMs: number;
}

export const DELIVERY: Omit<DeliverySettings, 'secret'> = { timeoutMs: 10_000, retries: 3, pauseMs: 1_000 };

/** A target that could not be reached, and why, in words without secrets. */
export interface Undelivered {
  readonly target: string;
  readonly why: string;
}

/** An answer that trying again will not change: the address is wrong, or not ours to use. */
const FINAL_STATUS = new Set([400, 401, 403, 404, 405, 410, 413]);

/** Sends the notice to each target. Resolves, always, to those that did not take it. */
export async function deliver(
  notice: Notice,
  targets: readonly Target[],
  settings: DeliverySettings,
): Promise<Undelivered[]> {
  const sent = await Promise.all(
    targets.map(async (target): Promise<Undelivered | null> => {
      try {
        await pRetry(() => send(notice, target, settings), {
          retries: settings.retries,
          minTimeout: settings.pauseMs,
          factor: 2,
        });
        return null;
      } catch (error) {
        return { target: target.shown, why: whyOf(error) };
      }
    }),
  );
  return sent.filter((one) => one !== null);
}

function send(notice: Notice, target: Target, settings: DeliverySettings): Promise<void> {
  switch (target.kind) {
    case 'mail':
      return mail(notice, target, settings);
    case 'command':
      return pipeTo(notice, target.command, settings);
    case 'webhook':
      return post(target.url, JSON.stringify(notice), settings, settings.secret);
    default:
      return post(target.url, JSON.stringify(CHATS[target.kind](notice)), settings, null);
  }
}

const COLOURS: Readonly<Record<NoticeLevel, string>> = {
  info: '2e7d32',
  warning: 'f9a825',
  error: 'c62828',
  critical: '6a1b9a',
};

/**
 * What each chat takes. Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks · Discord:
 * https://discord.com/developers/docs/resources/webhook#execute-webhook · Teams: an Adaptive Card,
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
 */
const CHATS: Readonly<Record<ChatKind, (notice: Notice) => unknown>> = {
  slack: (notice) => ({
    text: notice.title,
    attachments: [{ color: `#${COLOURS[notice.level]}`, text: escapeSlack(notice.lines.join('\n')) }],
  }),
  discord: (notice) => ({
    content: notice.level === 'critical' ? '@here' : '',
    // Names of files are strangers' words: nobody is to be called by one.
    allowed_mentions: { parse: notice.level === 'critical' ? ['everyone'] : [] },
    embeds: [
      {
        title: notice.title.slice(0, 256),
        description: notice.lines.join('\n').slice(0, 4096),
        color: Number.parseInt(COLOURS[notice.level], 16),
        timestamp: notice.at,
      },
    ],
  }),
  teams: (notice) => ({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            { type: 'TextBlock', size: 'Medium', weight: 'Bolder', wrap: true, text: notice.title },
            ...notice.lines.map((text) => ({ type: 'TextBlock', wrap: true, text })),
          ],
        },
      },
    ],
  }),
};

function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** `x-backhaul-signature: sha256=<HMAC-SHA-256 of "<timestamp>.<body>", hex>`, with the timestamp beside it. */
async function post(
  url: string,
  body: string,
  { timeoutMs }: DeliverySettings,
  secret: string | null,
): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'backhaul' };
  if (secret !== null) {
    const timestamp = String(Math.floor(Date.now() / 1000));
    headers['x-backhaul-timestamp'] = timestamp;
    headers['x-backhaul-signature'] =
      `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
  }
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  await response.body?.cancel();
  if (response.ok) return;
  const answer = new Error(`it answered ${response.status}`);
  throw FINAL_STATUS.has(response.status) ? new AbortError(answer) : answer;
}

async function mail(
  notice: Notice,
  { server, from, to }: Extract<Target, { kind: 'mail' }>,
  { timeoutMs }: DeliverySettings,
): Promise<void> {
  const { createTransport } = createRequire(import.meta.url)('nodemailer') as typeof import('nodemailer');
  const transport = createTransport({
    url: server,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  try {
    await transport.sendMail({
      from,
      to,
      subject: `[backhaul] ${notice.title}`,
      text: `${noticeText(notice)}\n`,
      ...(notice.level === 'critical' ? { priority: 'high' as const } : {}),
    });
  } finally {
    transport.close();
  }
}

/** The notice as one line of JSON on the command's stdin; it runs in a shell, as the user wrote it. */
function pipeTo(notice: Notice, command: string, { timeoutMs }: DeliverySettings): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['pipe', 'ignore', 'ignore'], timeout: timeoutMs });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`));
    });
    // A command that does not read its input is no failure.
    child.stdin.on('error', () => {});
    child.stdin.end(`${JSON.stringify(notice)}\n`);
  });
}

/** Codes and our own words only: what a library says may repeat an address, and with it a secret. */
function whyOf(error: unknown): string {
  const { name, message, code, responseCode, cause } = error as Error & {
    code?: string;
    responseCode?: number;
    cause?: { code?: string };
  };
  if (name === 'TimeoutError') return 'it did not answer in time';
  if (responseCode !== undefined) return `it answered ${responseCode}`;
  const errno = code ?? cause?.code;
  if (typeof errno === 'string') return errno;
  return /^it (answered|ended|was ended)/.test(message) ? message : 'it could not be reached';
}
