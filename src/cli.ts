/** The program around a command line: `.env`, signals, pipes that close, and its end. */

import { keepYoungGenerationSmall } from './base/young_generation.ts';
import { runCommandLine, sayWhatFailed } from './commands/command_line.ts';
import { isQuitting, takeSignals } from './commands/program/interrupt.ts';
import { everythingIsWritten, say, toleratePipesThatClose } from './commands/program/screen.ts';
import { redact } from './ui/redact.ts';

/** `.env` of the current folder: what the environment says already goes over it. */
function readEnvironmentFile(): void {
  try {
    process.loadEnvFile('.env');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      say(`backhaul: .env cannot be read: ${redact((error as Error).message)}`);
  }
}

keepYoungGenerationSmall();
readEnvironmentFile();
toleratePipesThatClose();
takeSignals();
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    if (!isQuitting()) process.exit(sayWhatFailed(error, null));
  });
}
await runCommandLine(process.argv.slice(2));
if (!isQuitting()) {
  // All is done. What only waits for a clock still (os-utils watches the CPU for whole seconds) shall not be waited for.
  await everythingIsWritten();
  process.exit();
}
