/** `backhaul inspect`: says how a file will be read. */

import type { Argv } from 'yargs';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import type { Draft } from '../inspect/draft.ts';
import type { Inspection, InspectOptions } from '../inspect/inspection.ts';
import type { LocatedFile } from '../inspect/located_file.ts';
import { faultLines } from '../ui/fault_text.ts';
import { inspectionLines } from '../ui/inspect_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { sanitise } from '../ui/text.ts';
import { LOAD_SETTINGS, sourceOptions } from './options/load_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  onOff,
  type Resolved,
  readFlags,
  value,
} from './options/settings.ts';
import { parseText, parseZone, whole } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stdoutStyle, stdoutWidth } from './program/screen.ts';

const HOW = 'How it is read:';
const SHOW = 'Output:';

/** Bars at each end that are shown. */
const ROWS = 3;

const INSPECT_SETTINGS = {
  layout: value(
    { group: HOW, describe: "A layout's name, or a YAML file that describes one", otherwise: 'auto' },
    parseText,
  ),
  interval: { ...LOAD_SETTINGS.interval, group: HOW },
  venue: { ...LOAD_SETTINGS.venue, group: HOW },
  zone: value(
    { group: HOW, describe: 'Of a draft: the zone of stamps that name none (America/New_York)' },
    parseZone,
  ),
  write: value(
    { group: SHOW, describe: 'Write a layout for the file, a draft where none is known; - for stdout' },
    parseText,
  ),
  force: onOff({ group: SHOW, describe: 'Write over a file that is there' }),
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
  describe: 'Say how a file will be read, and draft a layout where none is known',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, INSPECT_SETTINGS)
      .positional('file', { describe: 'File, zip or tar, zip/entry, s3://bucket/key or https://…' })
      .example('$0 inspect ./XBTUSD_60.csv', '')
      .example('$0 inspect ./prices.csv --write my.yaml', 'drafts a layout where none is known')
      .example('$0 inspect ./quarter.zip/XBTUSD_60.csv', 'one entry of a zip or tar')
      .epilogue(
        'Reads the whole file and writes nothing but the layout that --write asks for.\n' +
          'Exit code: 0 every record would be loaded or is empty, 1 the file cannot be read, 2 usage, ' +
          '3 a load would set records aside or fail the file, or no known layout fits.',
      ),
  handler: async (argv) => {
    const { flags } = readFlags(INSPECT_SETTINGS, ['file'], argv);
    const { locateFile } = await import('../inspect/located_file.ts');
    const { inspect } = await import('../inspect/inspection.ts');
    const { allLayouts } = await import('../producer/layouts/known_layouts.ts');
    const { loadLayout } = await import('../producer/layouts/named_layout.ts');
    const { recordLimits } = await import('../load/defaults.ts');
    const isNamed = flags.layout !== undefined && flags.layout !== 'auto';
    const layout = isNamed ? await loadLayout(flags.layout!, allLayouts()) : null;
    const interrupt = listenForInterrupt(() => say('Interrupted.'));
    try {
      const signal = interrupt.drain;
      const source = sourceOptions(flags);
      const file = await locateFile(String(argv['file']), source, signal);
      const options: InspectOptions = {
        source,
        rows: flags.rows ?? ROWS,
        limits: recordLimits(),
        interval: flags.interval ?? null,
        venue: flags.venue ?? null,
      };
      const found = await inspect(file, layout, 'named', options, signal);
      if (!('fault' in found) && !isNamed && found.reading.fault !== null) {
        if (await showOther(file, found, found.reading.fault, flags, options, signal)) return;
      }
      if (!('fault' in found)) {
        show(found, flags.json ?? false);
        if (flags.write !== undefined) await writeKnown(flags.write, found.layout, flags.force ?? false);
        return;
      }
      await showDraft(file, found.fault, flags, options, signal);
    } finally {
      interrupt.dispose();
    }
  },
};

type InspectFlags = Resolved<typeof INSPECT_SETTINGS>;

/** A file whose name fits a layout that cannot read it: shows a draft in its place, if one can. */
async function showOther(
  file: LocatedFile,
  { layout }: Inspection,
  reason: Fault,
  flags: InspectFlags,
  options: InspectOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { draftLayout } = await import('../inspect/draft.ts');
  const { inspect } = await import('../inspect/inspection.ts');
  try {
    const { layout: other } = draftLayout(file, {
      zone: flags.zone ?? null,
      interval: options.interval,
      venue: options.venue,
    });
    const read = await inspect(file, other, 'draft', { ...options, interval: null, venue: null }, signal);
    if ('fault' in read || read.reading.fault !== null) return false;
  } catch (error) {
    if (error instanceof BackhaulError) return false;
    throw error;
  }
  say(`Its name is one of ${layout}, which cannot read it: ${reason.message}`);
  await showDraft(file, reason, flags, options, signal);
  return true;
}

/** A file of no known layout: drafts one, shows what it makes of the file, and writes it where that was asked for. */
async function showDraft(
  file: LocatedFile,
  fault: Fault,
  flags: InspectFlags,
  options: InspectOptions,
  signal: AbortSignal,
): Promise<void> {
  const { draftLayout } = await import('../inspect/draft.ts');
  const { inspect } = await import('../inspect/inspection.ts');
  const { interval, venue } = options;
  const given = { zone: flags.zone ?? null, interval, venue };
  let draft = draftLayout(file, given);
  if (draft.zoneUnknown && flags.write !== undefined && process.stdin.isTTY && process.stderr.isTTY)
    draft = draftLayout(file, { ...given, zone: await askZone() });
  // The draft says both itself now.
  const read = await inspect(
    file,
    draft.layout,
    'draft',
    { ...options, interval: null, venue: null },
    signal,
  );
  if ('fault' in read) throw new BackhaulError(fault);
  if (flags.write === undefined) {
    show(read, flags.json ?? false);
    sayUnknown(draft);
    say('No known layout fits. --write my.yaml drafts one, for load --layout my.yaml.');
    process.exitCode = EXIT.incomplete;
    return;
  }
  // What is written to stdout is alone there.
  if (flags.write !== '-') show(read, flags.json ?? false);
  else setExitCode(read);
  await writeLayout(flags.write, draft.yaml, flags.force ?? false, read.reading.fault);
  sayUnknown(draft);
}

/** What nothing in the file tells, and a load by the draft would take all the same. */
function sayUnknown({ zoneUnknown, venueUnknown, symbolMadeUp }: Draft): void {
  if (zoneUnknown) say(ZONE_UNKNOWN);
  if (symbolMadeUp !== null)
    say(
      `Nothing in the file tells its symbol: it is ${sanitise(symbolMadeUp)} until you put it into the layout.`,
    );
  if (venueUnknown)
    say(
      'Nothing in the file tells where it was traded: that is unknown until you say it, by --venue kraken or in the layout.',
    );
}

const ZONE_UNKNOWN =
  'Nothing in the file tells the zone of its stamps: they are read as UTC until you say otherwise, by --zone America/New_York or in the layout.';

async function askZone(): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    for (;;) {
      const answer = (
        await terminal.question('Which zone are its stamps in, such as America/New_York or Etc/GMT+5? [UTC] ')
      ).trim();
      try {
        return answer === '' ? 'UTC' : parseZone(answer);
      } catch {
        say(`${sanitise(answer)} is no time zone.`);
      }
    }
  } finally {
    terminal.close();
  }
}

/** The file of a layout of the catalogue, to be changed. */
async function writeKnown(path: string, layout: string, force: boolean): Promise<void> {
  const { catalogueText, knownLayouts } = await import('../producer/layouts/known_layouts.ts');
  if (!knownLayouts().some(({ name }) => name === layout))
    throw new BackhaulError({
      kind: 'usage',
      message: `--write drafts a layout, and ${sanitise(layout)} is one already`,
    });
  await writeLayout(path, catalogueText(layout), force);
}

/** `missing`: why the file it was drafted from would fail by it all the same. */
async function writeLayout(
  path: string,
  yaml: string,
  force: boolean,
  missing: Fault | null = null,
): Promise<void> {
  if (path === '-') {
    print(yaml.trimEnd());
    if (missing !== null) say(...notYet('Not whole yet:', 'my.yaml', missing));
    return;
  }
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(path, yaml, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new BackhaulError({
      kind: 'usage',
      message: isThere
        ? `${sanitise(path)} is there already`
        : `${sanitise(path)} cannot be written: ${(error as Error).message}`,
      hint: isThere ? '--force writes over it' : 'name another: --write my.yaml',
    });
  }
  if (missing !== null)
    return say(...notYet(`Written to ${sanitise(path)}, but not whole yet:`, path, missing));
  say(`Written to ${sanitise(path)}. Next: npx backhaul load FILE --layout ${sanitise(path)}`);
}

/** A draft says what can be seen; what cannot has to be said before a load takes the file. */
function notYet(written: string, path: string, missing: Fault): string[] {
  const { where: _, ...what } = missing;
  return [
    `${written} a load of the file by it would fail:`,
    ...faultLines(what).map((line) => `  ${line}`),
    `Say it in the layout, then look again: npx backhaul inspect FILE --layout ${sanitise(path)}`,
  ];
}

function show(found: Inspection, json: boolean): void {
  if (json) print(eventLine(found));
  else print(inspectionLines(found, stdoutWidth(), stdoutStyle()));
  setExitCode(found);
}

function setExitCode({ reading: { fault, rejected } }: Inspection): void {
  if (fault !== null || rejected > 0) process.exitCode = EXIT.incomplete;
}
