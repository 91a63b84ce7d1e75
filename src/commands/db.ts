/** `backhaul db`: the embedded PostgreSQL. */

import type { Pool } from 'pg';
import type { Argv } from 'yargs';
import { nearest } from '../base/nearest.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { Distribution } from '../state/leaves/distribute.ts';
import { compressionLine } from '../ui/compress_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { sanitise } from '../ui/text.ts';
import {
  DATABASE_SETTINGS,
  embeddedFolder,
  requireDatabase,
  requireTables,
  undoneByPress,
  withDatabase,
} from './options/database_option.ts';
import {
  type Arguments,
  type Command,
  declare,
  onOff,
  type Resolved,
  readFlags,
  value,
} from './options/settings.ts';
import { parseAge, wholeBetween } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { print, say } from './program/screen.ts';

const DB_SETTINGS = {
  ...DATABASE_SETTINGS,
  shards: value(
    { group: 'Cluster:', describe: 'Parts that bars are cut into', otherwise: '4 a node that takes shards' },
    wholeBetween(1, 1024),
  ),
  'compress-after': value(
    { group: 'TimescaleDB:', describe: 'compress: bars older than this (12h, 30d, 6mo)', otherwise: '30d' },
    parseAge,
  ),
  'dry-run': onOff({
    group: 'Output:',
    describe: 'distribute, compress: say what would be done; change nothing',
  }),
  json: onOff({ group: 'Output:', describe: 'distribute, compress: one JSON object a line on stdout' }),
};
type DatabaseFlags = Resolved<typeof DB_SETTINGS>;

const COMPRESS_AFTER_S = 30 * 86_400;

const ACTIONS: Readonly<Record<string, (flags: DatabaseFlags) => Promise<void>>> = {
  start,
  stop,
  url,
  distribute: distributed,
  compress: compressed,
};

export const command: Command = {
  settings: [DB_SETTINGS],
  command: 'db <action>',
  words: ['start', 'stop', 'url', 'distribute', 'compress'],
  describe:
    'Start, stop or find the embedded PostgreSQL; spread bars over a Citus cluster, compress them on TimescaleDB',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, DB_SETTINGS)
      .positional('action', {
        describe:
          'start (keeps it running), stop or url of the embedded one; distribute, of one on a Citus cluster; compress, of one with TimescaleDB',
      })
      .example('psql "$($0 db url)"', 'look around with a client of your own')
      .example(
        '$0 db distribute --database postgres://me@coordinator/market --dry-run',
        'what would be moved where',
      )
      .example('$0 db compress --compress-after 90d --dry-run', 'what would go to the columnstore')
      .epilogue('Commands that need it start it by themselves and stop it when the last is done.'),
  handler: async (argv) => {
    const { flags } = readFlags(DB_SETTINGS, ['action'], argv);
    const word = String(argv['action']);
    const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
    if (action === undefined) {
      const near = nearest(word, Object.keys(ACTIONS));
      throw new BackhaulError({
        kind: 'usage',
        message: `unknown action "${sanitise(word)}": expected ${Object.keys(ACTIONS).join(', ')}`,
        ...(near === null ? {} : { hint: `did you mean ${near}?` }),
      });
    }
    await action(flags);
  },
};

async function start(): Promise<void> {
  const { startEmbedded } = await import('../database/embedded.ts');
  const { url, startedByUs } = await undoneByPress((signal) => startEmbedded(embeddedFolder(), { signal }));
  say(
    startedByUs
      ? 'Started; it runs until npx backhaul db stop.'
      : 'It runs already, and stays until npx backhaul db stop.',
  );
  print(url);
}

async function stop(): Promise<void> {
  const { stopEmbedded } = await import('../database/embedded.ts');
  print((await stopEmbedded(embeddedFolder())) ? 'Stopped.' : 'It did not run.');
}

async function url(): Promise<void> {
  const { embeddedUrl } = await import('../database/embedded.ts');
  const address = await embeddedUrl(embeddedFolder());
  if (address === null) {
    say('There is no embedded PostgreSQL here yet: npx backhaul db start makes one');
    process.exitCode = EXIT.failed;
    return;
  }
  if (!address.running) say('It does not run: npx backhaul db start');
  print(address.url);
}

/** Turns the database into a distributed one, or says that it is. */
async function distributed(flags: DatabaseFlags): Promise<void> {
  const { distribute } = await import('../state/leaves/distribute.ts');
  await changing(flags, 'backhaul distribute', async (db, dryRun) => {
    const done = await distribute(db, { shards: flags.shards ?? null, dryRun, onStep: say });
    print(flags.json === true ? eventLine(done) : distributionLine(done));
  });
}

/** Puts old bars into the columnstore of TimescaleDB. */
async function compressed(flags: DatabaseFlags): Promise<void> {
  const { compress } = await import('../state/leaves/compress.ts');
  await changing(flags, 'backhaul compress', async (db, dryRun) => {
    const afterS = flags['compress-after'] ?? COMPRESS_AFTER_S;
    const done = await compress(db, { afterS, dryRun, onChunk: (name) => say(sanitise(name)) });
    print(flags.json === true ? eventLine(done) : compressionLine(done));
  });
}

/** With tables that are up to date; of a dry run, that are there. */
async function changing(
  flags: DatabaseFlags,
  applicationName: string,
  work: (db: Pool, dryRun: boolean) => Promise<void>,
): Promise<void> {
  const { migrate } = await import('../state/schema/migrate.ts');
  const { createPool, endPool, namedConnectError } = await import('../database/connect.ts');
  const dryRun = flags['dry-run'] ?? false;
  await withDatabase(await requireDatabase(flags.database), async ({ url: address }) => {
    const db = createPool(address, { applicationName, max: 2 });
    try {
      if (dryRun) await requireTables(db);
      else await migrate(db);
      await work(db, dryRun);
    } catch (error) {
      throw namedConnectError(error, address);
    } finally {
      await endPool(db);
    }
  });
}

function distributionLine({ already, dryRun, shards, nodes, citus }: Distribution): string {
  const how = `${shards} shards on ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, Citus ${citus}`;
  if (already) return `Distributed already: ${how}.`;
  return dryRun ? `Nothing was changed. It would be distributed: ${how}.` : `Distributed: ${how}.`;
}
