/** `backhaul man`: the manual, made from what `--help` of each command says. */

import { type Manual, type ManualCommand, type ManualItem, manualLines } from '../ui/manual_text.ts';
import { type CommandHelp, helpOf } from './command_help.ts';
import type { Command } from './options/settings.ts';
import { EXIT_MEANINGS } from './program/exit_codes.ts';
import { print } from './program/screen.ts';
import { version } from './program/version.ts';

/** The command over all there are, itself among them: asked for when it runs. */
export function manCommand(commands: () => readonly Command[]): Command {
  return {
    settings: [],
    command: 'man',
    describe: 'This manual as a man page: backhaul man | man -l -',
    builder: (yargs) =>
      yargs
        .example('$0 man | man -l -', 'to read it')
        .example(
          '$0 man > ~/.local/share/man/man1/backhaul.1',
          'to keep it; a global install has it already',
        ),
    handler: () => print(manualLines(manualOf(commands()))),
  };
}

const VARIABLES: readonly ManualItem[] = [
  {
    name: 'BACKHAUL_<FLAG>',
    says: 'Any flag: BACKHAUL_MAX_REJECTS is --max-rejects. A flag goes over it, and it over backhaul.yaml.',
  },
  { name: 'DATABASE_URL', says: 'The database where neither --database nor BACKHAUL_DATABASE names one.' },
  { name: 'BACKHAUL_CONNECT_TIMEOUT_MS', says: 'How long a source may take to answer.' },
  { name: 'BACKHAUL_IDLE_TIMEOUT_MS', says: 'How long a transfer may stand still.' },
  { name: 'BACKHAUL_TRANSFER_ATTEMPTS', says: 'Tries of a transfer, each from where the last broke off.' },
  { name: 'BACKHAUL_TRANSFER_DEADLINE_MS', says: 'How long a transfer may take altogether.' },
  {
    name: 'BACKHAUL_RETRY_FIRST_PAUSE_MS, BACKHAUL_RETRY_LONGEST_PAUSE_MS',
    says: 'Pauses between the tries.',
  },
  { name: 'BACKHAUL_MAX_REQUESTS', says: 'Requests to a source at once [default: 64].' },
  {
    name: 'AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION …',
    says: "Credentials of S3, from the AWS SDK's own places.",
  },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT …',
    says: 'The standard variables of OpenTelemetry: where metrics and traces go.',
  },
  { name: 'NO_COLOR', says: 'No colours.' },
  { name: 'BACKHAUL_DEBUG', says: '1: stack traces of what failed.' },
];

const FILES: readonly ManualItem[] = [
  {
    name: './backhaul.yaml',
    says: 'Settings by the names of their flags (workers: 8), and tiers of symbols (TIER1: [XBTUSD, ETHUSD]).',
  },
  {
    name: './.env',
    says: 'Variables of the environment; those that are set already go over it.',
  },
  { name: './.backhaul/', says: 'The embedded PostgreSQL and its data.' },
];

function manualOf(commands: readonly Command[]): Manual {
  const all = commands.flatMap((one) => withInner(helpOf(one)));
  return {
    version: version(),
    day: new Date().toISOString().slice(0, 10),
    describe: [
      'hauls years of market-data flat files into PostgreSQL',
      'Finds CSV, Parquet and Arrow files in folders, zips and S3 buckets, computes indicators on all cores, and streams the rows in by binary COPY, each exactly once.',
      'stdout carries the result alone, with --json one JSON object a line; everything else goes to stderr.',
      'Without --database and DATABASE_URL an embedded PostgreSQL under ./.backhaul is used.',
    ],
    commands: all.map(inManual),
    exits: Object.entries(EXIT_MEANINGS).map(([code, says]) => ({ name: code, says })),
    variables: VARIABLES,
    files: FILES,
    examples: all.flatMap((one) => asItems(one.examples.slice(0, 1))),
  };
}

function withInner(help: CommandHelp): CommandHelp[] {
  return [help, ...help.commands.flatMap(withInner)];
}

function inManual({ synopsis, describe, positionals, groups, examples, notes }: CommandHelp): ManualCommand {
  const flags = [...groups].map(([name, items]) => ({
    name,
    items: items.map((one) => ({
      name: `--${one.name}${one.name === 'ui' ? ' [<port>]' : one.takesValue ? ' <value>' : ''}`,
      says: one.describe,
    })),
  }));
  const words = positionals.map((one) => ({ name: `<${one.name}>`, says: one.describe }));
  return {
    synopsis,
    describe: /\w$/.test(describe) ? `${describe}.` : describe,
    groups: [...(words.length === 0 ? [] : [{ name: 'Arguments:', items: words }]), ...flags],
    examples: asItems(examples),
    notes,
  };
}

function asItems(examples: CommandHelp['examples']): ManualItem[] {
  return examples.map(({ line, says }) => ({ name: line, says }));
}
