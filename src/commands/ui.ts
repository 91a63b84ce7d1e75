/** `backhaul ui`: a page that shows what is loaded and what is being loaded, live. */

import type { Pool } from 'pg';
import type { Argv } from 'yargs';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { type Arguments, type Command, declare, readFlags, value } from './options/settings.ts';
import { parsePort } from './options/value_parsers.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say } from './program/screen.ts';

const UI_SETTINGS = {
  port: value({ group: 'Page:', describe: 'Port on 127.0.0.1', otherwise: 'a free one' }, parsePort),
  ...DATABASE_SETTINGS,
};

export const command: Command = {
  settings: [UI_SETTINGS],
  command: 'ui',
  describe: 'Show what is loaded, and being loaded, as a page on this machine',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, UI_SETTINGS)
      .example('$0 ui', 'prints an address to open')
      .epilogue(
        'The page only reads, and shows runs of other programs and hosts on the same database as well. Ctrl-C ends it.',
      ),
  handler: async (argv) => {
    const { flags } = readFlags(UI_SETTINGS, [], argv);
    await withLoadedDatabase(flags.database, 'ui', async (_db, url) => {
      const interrupt = listenForInterrupt(() => {});
      const page = await openPageOn(url, flags.port ?? 0);
      try {
        print(page.address);
        say('Ctrl-C ends it.');
        await new Promise<void>((resolve) => {
          if (interrupt.drain.aborted) resolve();
          interrupt.drain.addEventListener('abort', () => resolve());
        });
      } finally {
        await page.close();
        interrupt.dispose();
      }
    });
  },
};

/** A page with sessions of its own, which cannot write. */
export async function openPageOn(
  url: string,
  port: number,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const { createPool, endPool } = await import('../database/connect.ts');
  const { openPage } = await import('../web/page_server.ts');
  const db: Pool = createPool(url, { applicationName: 'backhaul ui', max: 3, statementTimeoutMs: 60_000 });
  db.on('connect', (client) => {
    // Queued before whatever the client is asked first.
    client.query('SET default_transaction_read_only = on').catch(() => {});
  });
  try {
    const page = await openPage(db, port);
    return {
      address: page.address,
      close: async () => {
        await page.close();
        await endPool(db);
      },
    };
  } catch (error) {
    await endPool(db);
    throw error;
  }
}
