/** `backhaul inspect`: says how a file will be read. */

import type { Argv } from 'yargs';
import { BackhaulError } from '../faults/fault.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { inspectionLines } from '../ui/inspect_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { EXIT } from './exit_codes.ts';
import { listenForInterrupt } from './interrupt.ts';
import { LOAD_SETTINGS, sourceOptions } from './load_options.ts';
import { print, say, stdoutStyle, stdoutWidth } from './screen.ts';
import { type Arguments, type Command, declare, onOff, readFlags, value } from './settings.ts';
import { parseText, whole } from './value_parsers.ts';

const HOW = 'How it is read:';
const SHOW = 'Output:';

/** Bars at each end that are shown. */
const ROWS = 3;

export const INSPECT_SETTINGS = {
  layout: value(
    { group: HOW, describe: "A layout's name, or a YAML file that describes one", otherwise: 'auto' },
    parseText,
  ),
  interval: { ...LOAD_SETTINGS.interval, group: HOW },
  venue: { ...LOAD_SETTINGS.venue, group: HOW },
  rows: value(
    { group: SHOW, describe: 'Bars at each end, and rejects of a kind, to show', otherwise: String(ROWS) },
    whole(1, 1000),
  ),
  json: onOff({ group: SHOW, describe: 'One JSON object on stdout' }),
  profile: LOAD_SETTINGS.profile,
  'endpoint-url': LOAD_SETTINGS['endpoint-url'],
  region: LOAD_SETTINGS.region,
  'request-payer': LOAD_SETTINGS['request-payer'],
  'no-sign-request': LOAD_SETTINGS['no-sign-request'],
  'path-style': LOAD_SETTINGS['path-style'],
  'allow-private': LOAD_SETTINGS['allow-private'],
};

export const command: Command = {
  settings: [INSPECT_SETTINGS],
  command: 'inspect <file>',
  describe: 'Say how a file will be read: its layout, its bars, what would be set aside',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, INSPECT_SETTINGS)
      .positional('file', { describe: 'File, zip, zip/entry, s3://bucket/key or https://…' })
      .example('$0 inspect ./XBTUSD_60.csv', '')
      .example('$0 inspect ./quarter.zip/XBTUSD_60.csv', 'one entry of a zip')
      .epilogue(
        'Reads the whole file and writes nothing.\n' +
          'Exit code: 0 every record would be loaded or is empty, 1 the file cannot be read, 2 usage, ' +
          '3 a load would set records aside or fail the file.',
      ),
  handler: async (argv) => {
    const { flags } = readFlags(INSPECT_SETTINGS, ['file'], argv);
    const { locateFile } = await import('../inspect/located_file.ts');
    const { inspect } = await import('../inspect/inspection.ts');
    const { knownLayouts } = await import('../producer/layouts/known.ts');
    const { loadLayout } = await import('../producer/layouts/layout.ts');
    const { recordLimits } = await import('../load/defaults.ts');
    const isNamed = flags.layout !== undefined && flags.layout !== 'auto';
    const layout = isNamed ? await loadLayout(flags.layout!, knownLayouts()) : null;
    const interrupt = listenForInterrupt(() => say('Interrupted.'));
    try {
      const signal = interrupt.drain;
      const file = await locateFile(String(argv['file']), sourceOptions(flags), signal);
      const found = await inspect(
        file,
        layout,
        'named',
        {
          source: sourceOptions(flags),
          rows: flags.rows ?? ROWS,
          limits: recordLimits(),
          interval: flags.interval ?? null,
          venue: flags.venue ?? null,
        },
        signal,
      );
      if ('fault' in found) throw new BackhaulError(found.fault);
      show(found, flags.json ?? false);
    } finally {
      interrupt.dispose();
    }
  },
};

function show(found: Inspection, json: boolean): void {
  if (json) print(eventLine(found));
  else print(inspectionLines(found, stdoutWidth(), stdoutStyle()));
  const { fault, rejected } = found.reading;
  if (fault !== null || rejected > 0) process.exitCode = EXIT.incomplete;
}
