import { execFile } from 'node:child_process';
import { get } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { openPageOn } from '../../src/commands/ui.ts';
import { runCli } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';
import { browser } from '../report/browser.ts';

const database = await testDatabase();
const folder = scratchFolder();
const FROM = Date.UTC(2024, 0, 1) / 1000;
write(folder, 'XBTUSD_60.csv', krakenCsv(walk('XBTUSD', FROM, FROM + 400 * 3600, 3600, 3)));
write(folder, 'ETHUSD_60.csv', `${'not,a,bar\n'.repeat(40)}`);
write(folder, '<img src=x onerror=alert(1)>_60.csv', '1704067200,1,2,1,2,5,3\n');
await load(database.url, [folder], { workers: 1 });
const page = await openPageOn(database.url, 0);
afterAll(() => page.close());

const base = page.address.split('?')[0]!;
const token = page.address.split('=')[1]!;

/** As a browser asks; fetch would not let Host be another. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const request = get(new URL(path, base), { headers, method }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          body += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      });
      request.on('error', reject);
    },
  );
}
const api = async (path: string) => JSON.parse((await ask(path, { 'x-backhaul-token': token })).body);

describe('the page', () => {
  it('is for whoever has its token, on this host, and only reads', async () => {
    expect((await ask('/')).status).toBe(401);
    expect((await ask('/api/live', { 'x-backhaul-token': 'f'.repeat(32) })).status).toBe(401);
    expect((await ask(`/?token=${token}`)).status).toBe(200);
    expect((await ask(`/?token=${token}`, { host: 'elsewhere.example' })).status).toBe(421);
    expect((await ask(`/?token=${token}`, {}, 'POST')).status).toBe(405);
    expect((await ask('/../../package.json', { 'x-backhaul-token': token })).status).toBe(404);
  });

  it('takes nothing from outside and nothing inline, and is small', async () => {
    const files = await Promise.all(
      [`/?token=${token}`, '/app.js', '/app.css', '/uplot.js', '/uplot.css'].map((path) => ask(path)),
    );
    for (const { status, headers } of files) {
      expect(status).toBe(200);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
    }
    const text = files.map(({ body }) => body).join('');
    expect(text.length).toBeLessThan(300_000);
    expect(files[0]!.body).not.toMatch(/<script>|<style>|https?:/);
  });

  it('answers with what the tables hold, a page of files at a time', async () => {
    expect(await api('/api/live')).toMatchObject({
      run: { runId: 1, command: 'load', state: 'finished' },
      status: { states: { loaded: { tasks: 1 }, failed: { tasks: 2 } } },
    });
    const files = await api('/api/files');
    expect(files).toHaveLength(3);
    expect(await api(`/api/files?after=${files[0].taskId}`)).toHaveLength(2);
    expect(await api('/api/files?state=failed')).toHaveLength(2);
    expect(await api('/api/files?part=xbtusd')).toHaveLength(1);
    expect(await api('/api/files?after=x&state=none')).toHaveLength(3);
    expect(await api('/api/runs')).toHaveLength(1);
    expect((await api('/api/completeness')).series).toBe(1);
    await expect(api('/api/rejects')).resolves.toBeInstanceOf(Array);
  });

  it.skipIf(browser() === null)('is drawn by a browser, a stranger’s name and all', async () => {
    const dom = async (view: string): Promise<string> => {
      const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];
      const asked = ['--virtual-time-budget=4000', '--dump-dom', `${page.address}#${view}`];
      return (await promisify(execFile)(browser()!, [...flags, ...asked], { timeout: 60_000 })).stdout;
    };
    const files = await dom('files');
    expect(files).toContain('data-ready="yes"');
    expect(files).toContain('XBTUSD_60.csv');
    expect(files).not.toContain('<img src=x');
    expect(await dom('live')).toContain('u-wrap');
  });
});

it('says in one line that its port is in use', async () => {
  const port = new URL(page.address).port;
  const refused = await runCli(['ui', '--port', port], { env: { DATABASE_URL: database.url } });
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr.trim().split('\n')).toEqual([expect.stringContaining(`port ${port} is in use`)]);
});

it('shows a load that asks for it, and ends with it', async () => {
  const args = ['load', folder, '--ui', '--json'];
  const { stderr, code } = await runCli(args, { env: { DATABASE_URL: database.url } });
  expect(code).toBe(3);
  expect(stderr).toMatch(/Live: http:\/\/127\.0\.0\.1:\d+\/\?token=[0-9a-f]{32}/);
});
