/** `backhaul db`: the embedded PostgreSQL. */

import type { Argv } from 'yargs';
import { nearest } from '../base/nearest.ts';
import { BackhaulError } from '../faults/fault.ts';
import { sanitise } from '../ui/text.ts';
import { embeddedFolder, undoneByPress } from './database_option.ts';
import { EXIT } from './exit_codes.ts';
import { print, say } from './screen.ts';
import { type Arguments, type Command, declare, readFlags } from './settings.ts';

const ACTIONS: Readonly<Record<string, () => Promise<void>>> = { start, stop, url };

export const command: Command = {
  settings: [],
  command: 'db <action>',
  describe: 'Start, stop or find the embedded PostgreSQL',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, {})
      .positional('action', { describe: 'start (keeps it running), stop, or url' })
      .example('psql "$($0 db url)"', 'look around with a client of your own')
      .epilogue('Commands that need it start it by themselves and stop it when the last is done.'),
  handler: async (argv) => {
    readFlags({}, ['action'], argv);
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
    await action();
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
