import type { CommandModule } from 'yargs';
import type { Arguments } from './settings.ts';

export const command: CommandModule<object, Arguments> = {
  command: 'demo',
  describe: 'x',
  handler: () => {},
};
