/** The page that shows a run live: a server on loopback that only reads, for whoever has the token of its address. */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { answers } from './answers.ts';
import { isOwnName, LOOPBACK, listenOnLoopback } from './loopback.ts';

export interface WebPage {
  /** With the token: whoever has it sees the page. */
  readonly address: string;
  close(): Promise<void>;
}

const STATIC = fileURLToPath(new URL('./static/', import.meta.url));

/** What the page is made of. None of it says anything of the database, so no token is asked for. */
const FILES: Readonly<Record<string, readonly [string, string]>> = {
  '/app.js': ['text/javascript; charset=utf-8', join(STATIC, 'app.js')],
  '/app.css': ['text/css; charset=utf-8', join(STATIC, 'app.css')],
  '/uplot.js': ['text/javascript; charset=utf-8', 'uplot/dist/uPlot.iife.min.js'],
  '/uplot.css': ['text/css; charset=utf-8', 'uplot/dist/uPlot.min.css'],
};

/** Nothing from outside, nothing inline, nobody's frame, nothing kept. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Listens on loopback; `port` 0 takes a free one. Fault `usage` for a port in use. The pool is the caller's. */
export async function openPage(db: Pool, port: number): Promise<WebPage> {
  const token = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    handle(request, response, db, token).catch(() => {
      if (!response.headersSent)
        send(response, 500, 'text/plain', 'something failed; the terminal may say what');
      else response.destroy();
    });
  });
  // Browsers open more connections than they use, and keep them.
  server.keepAliveTimeout = 5_000;
  server.headersTimeout = 10_000;
  server.maxConnections = 64;
  await listenOnLoopback(server, port);
  const { port: chosen } = server.address() as AddressInfo;
  return {
    address: `http://${LOOPBACK}:${chosen}/?token=${token}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  db: Pool,
  token: string,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, 405, 'text/plain', 'this page only reads');
  if (!isOwnName(request.headers.host)) return send(response, 421, 'text/plain', 'not this host');
  const url = new URL(request.url ?? '/', `http://${LOOPBACK}`);
  const file = FILES[url.pathname];
  if (file !== undefined) return sendFile(response, ...file);
  const given = String(request.headers['x-backhaul-token'] ?? url.searchParams.get('token') ?? '');
  if (!isSame(given, token))
    return send(response, 401, 'text/plain', 'open the address that the command printed: it holds a token');
  if (url.pathname === '/') return sendFile(response, 'text/html; charset=utf-8', join(STATIC, 'index.html'));
  const answer = answers[url.pathname];
  if (answer === undefined) return send(response, 404, 'text/plain', 'there is no such page');
  const body = JSON.stringify(await answer(db, url.searchParams));
  send(response, 200, 'application/json; charset=utf-8', body);
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function sendFile(response: ServerResponse, type: string, path: string): Promise<void> {
  const own = path.startsWith(dirname(STATIC));
  send(response, 200, type, await readFile(own ? path : createRequire(import.meta.url).resolve(path)));
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { ...HEADERS, 'content-type': type });
  response.end(body);
}
