/** `backhaul layouts`: the layouts that are built in, as files to read and copy. */

import type { Argv } from 'yargs';
import { nearest } from '../base/nearest.ts';
import { BackhaulError } from '../faults/fault.ts';
import { eventLine } from '../ui/json_lines.ts';
import { tableLines } from '../ui/table.ts';
import { sanitise } from '../ui/text.ts';
import { type Arguments, type Command, declare, onOff, readFlags } from './options/settings.ts';
import { print, stdoutStyle, stdoutWidth } from './program/screen.ts';

const LAYOUTS_SETTINGS = {
  json: onOff({ group: 'Output:', describe: 'One JSON object a layout on stdout' }),
};

export const command: Command = {
  settings: [LAYOUTS_SETTINGS],
  command: 'layouts [name]',
  describe: 'The layouts built in, as YAML files to read and copy',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, LAYOUTS_SETTINGS)
      .positional('name', { describe: 'Print the file of this one' })
      .example('$0 layouts', 'all of them')
      .example('$0 layouts kraken-ohlcvt > my.yaml', 'one, to be changed and used as --layout my.yaml'),
  handler: async (argv) => {
    const { flags } = readFlags(LAYOUTS_SETTINGS, ['name'], argv);
    const { catalogueText, allLayouts } = await import('../producer/layouts/known_layouts.ts');
    const layouts = allLayouts();
    const name = argv['name'] === undefined ? null : String(argv['name']);
    const asked = name === null ? layouts : layouts.filter((layout) => layout.name === name);
    if (name !== null && asked.length === 0)
      throw unknown(
        name,
        layouts.map((layout) => layout.name),
      );
    if (flags.json) {
      for (const { name, vendor, kind, example, paths } of asked)
        print(
          eventLine({
            type: 'layout',
            name,
            vendor: vendor ?? null,
            kind,
            example,
            paths: paths.map(({ source }) => source.replaceAll('\\/', '/')),
            yaml: catalogueText(name),
          } as { type: string }),
        );
      return;
    }
    if (name !== null) return print(catalogueText(name).trimEnd());
    print(
      tableLines(
        [
          { title: 'layout' },
          { title: 'vendor' },
          { title: 'holds' },
          { title: 'files such as', cut: 'start' },
        ],
        asked.map(({ name, vendor, kind, example }) => [name, vendor ?? '', kind, example]),
        stdoutWidth(),
        stdoutStyle(),
      ),
    );
  },
};

function unknown(name: string, known: readonly string[]): BackhaulError {
  const near = nearest(name, known);
  return new BackhaulError({
    kind: 'usage',
    message: `there is no layout ${sanitise(name)}`,
    hint: near === null ? 'npx backhaul layouts lists them' : `did you mean ${near}?`,
  });
}
