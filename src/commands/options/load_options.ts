/** The flags of `load`, and how they become the engine's {@link LoadOptions}. */

import { BackhaulError } from '../../faults/fault.ts';
import { LOAD_DEFAULTS } from '../../load/defaults.ts';
import type { LoadOptions } from '../../load/load_events.ts';
import { INFLATE_LIMITS } from '../../producer/archive/inflate_limits.ts';
import type { SourceOptions } from '../../producer/sources/source.ts';
import { DATABASE_SETTINGS } from './database_option.ts';
import { NOTIFY_SETTINGS } from './notify_option.ts';
import { list, onOff, type Resolved, value } from './settings.ts';
import { METRICS_SETTINGS } from './telemetry_option.ts';
import {
  oneOf,
  parseAge,
  parseBatchBytes,
  parseIndicators,
  parseInterval,
  parseIntervals,
  parseMaxInflatedBytes,
  parseMaxRejects,
  parseOnInvalid,
  parsePercent,
  parsePort,
  parseRollups,
  parseSymbols,
  parseText,
  parseTime,
  parseVenue,
  parseWorkers,
  secondsAsMs,
  wholeBetween,
} from './value_parsers.ts';

const WHAT = 'What to load:';
const HOW = 'How:';
const BAD = 'Bad and doubled records:';
const SHOW = 'Output:';
const REMOTE = 'S3 and https:';

export const LOAD_SETTINGS = {
  layout: value(
    { group: WHAT, describe: "A layout's name, or a YAML file that describes one", otherwise: 'auto' },
    parseText,
  ),
  from: value(
    { group: WHAT, describe: 'Only bars from this instant on (2024, 2024-03, 2024-03-05T14:30Z)' },
    parseTime,
  ),
  to: value({ group: WHAT, describe: 'Only bars before this instant' }, parseTime),
  symbols: list(
    { group: WHAT, describe: 'Only these symbols (XBTUSD,ETHUSD)', otherwise: 'all' },
    parseSymbols,
  ),
  intervals: list(
    { group: WHAT, describe: 'Only these intervals (1m,1h,1d)', otherwise: 'all' },
    parseIntervals,
  ),
  interval: value(
    { group: WHAT, describe: 'What the interval is where neither name nor records tell (1m)' },
    parseInterval,
  ),
  venue: value({ group: WHAT, describe: 'What the venue is to be called' }, parseVenue),
  tiers: list(
    { group: WHAT, describe: 'Only the symbols of these tiers of backhaul.yaml (TIER1)', otherwise: 'all' },
    parseSymbols,
  ),
  reload: onOff({ group: WHAT, describe: 'Load files again that are loaded already, or were unloaded' }),
  incremental: onOff({ group: WHAT, describe: 'Only what is newer than the last bars that stand' }),
  ...DATABASE_SETTINGS,
  distribute: onOff({
    group: 'Database:',
    describe: 'Spread bars over the nodes of a Citus cluster first, as db distribute does',
  }),
  'compress-after': value(
    { group: 'Database:', describe: 'At the end, compress bars older than this on TimescaleDB (30d)' },
    parseAge,
  ),
  indicators: list(
    { group: HOW, describe: 'all, none, or some of them (sma_20,rsi_14)', otherwise: 'all' },
    parseIndicators,
  ),
  events: list(
    { group: WHAT, describe: 'Files of splits, dividends and renames, read before the bars (events load)' },
    (texts): readonly string[] => texts,
  ),
  rollups: list(
    { group: HOW, describe: 'Make longer bars of them too (5m,15m,1h,1d,1w,1mo); later loads go on with it' },
    parseRollups,
  ),
  prices: value(
    {
      group: HOW,
      describe: 'numeric keeps the decimals of prices and volumes to the last digit too (open_exact …)',
      otherwise: 'float8',
    },
    oneOf('float8', 'numeric'),
  ),
  workers: value(
    { group: HOW, describe: 'Worker threads: auto, or a number', otherwise: 'auto' },
    parseWorkers,
  ),
  'cpu-target': value(
    {
      group: HOW,
      describe: 'With --workers auto: how busy the CPU may be where others want it too',
      otherwise: '90%',
    },
    parsePercent,
  ),
  'batch-bytes': value(
    { group: HOW, describe: 'Size of a batch (1MiB)', otherwise: 'chosen' },
    parseBatchBytes,
  ),
  'lease-seconds': value(
    { group: HOW, describe: 'How long a worker owns a task without a sign of life', otherwise: '60' },
    secondsAsMs(5, 86_400),
  ),
  'drain-seconds': value(
    {
      group: HOW,
      describe: 'How long the first Ctrl-C lets the files at work go on; the rest is put back',
      otherwise: '10',
    },
    secondsAsMs(0, 86_400),
  ),
  'max-rejects': value(
    {
      group: BAD,
      describe: 'Rejects a file may have before it fails: N records or N%',
      otherwise: '1000, and 1% of the file',
    },
    parseMaxRejects,
  ),
  'on-invalid': value(
    {
      group: BAD,
      describe:
        'Bars that break a rule: reject, keep, or keep those that break some (keep:range,off-grid); rules are range, off-grid, price, high-low, volume, trades',
      otherwise: 'reject',
    },
    parseOnInvalid,
  ),
  'on-conflict': value(
    {
      group: BAD,
      describe: 'A bar that stands with other values: keep it, or replace it',
      otherwise: 'keep',
    },
    oneOf('keep', 'replace'),
  ),
  'max-inflated-bytes': value(
    { group: BAD, describe: 'A compressed file that becomes more fails (64GiB)', otherwise: '64GiB' },
    parseMaxInflatedBytes,
  ),
  'max-inflate-ratio': value(
    { group: BAD, describe: 'So does one that becomes this many times its size', otherwise: '200' },
    wholeBetween(2, 2000),
  ),
  ...NOTIFY_SETTINGS,
  'dry-run': onOff({ group: SHOW, describe: 'Show what would be loaded; write nothing' }),
  ui: value(
    { group: SHOW, describe: 'Show the run live as a page on 127.0.0.1, at this port or a free one' },
    parsePort,
  ),
  ...METRICS_SETTINGS,
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
  'log-file': value(
    { group: SHOW, describe: 'Write what happens to this file too, a JSON line an event' },
    parseText,
  ),
  verbose: onOff({ group: SHOW, describe: 'Say more on stderr: every task, partition and decision' }),
  profile: value({ group: REMOTE, describe: 'AWS profile' }, parseText),
  'endpoint-url': value({ group: REMOTE, describe: 'S3 endpoint other than AWS' }, parseText),
  region: value({ group: REMOTE, describe: 'AWS region' }, parseText),
  'request-payer': onOff({ group: REMOTE, describe: 'Pay for requests to a requester-pays bucket' }),
  'no-sign-request': onOff({ group: REMOTE, describe: 'Anonymous requests, for public buckets' }),
  'path-style': onOff({ group: REMOTE, describe: 'Bucket in the path, not in the host name' }),
  'allow-private': onOff({ group: REMOTE, describe: 'Allow https sources at private addresses' }),
};

type LoadFlags = Resolved<typeof LOAD_SETTINGS>;

/** What of the flags says how sources are reached. */
type SourceFlags = Pick<
  LoadFlags,
  'profile' | 'endpoint-url' | 'region' | 'request-payer' | 'no-sign-request' | 'path-style' | 'allow-private'
>;

/** Options of the engine from flags; faults `usage` where two flags contradict each other. */
export function loadOptions(
  sources: readonly string[],
  flags: LoadFlags,
  databaseUrl: string | null,
): LoadOptions {
  const { from = null, to = null } = flags;
  if (from !== null && to !== null && from >= to) {
    throw new BackhaulError({
      kind: 'usage',
      message: '--to must be after --from: bars are loaded from --from up to, not including, --to',
      hint: 'all of 2024 is --from 2024 --to 2025',
    });
  }
  return {
    sources,
    sourceOptions: sourceOptions(flags),
    layout: flags.layout ?? LOAD_DEFAULTS.layout,
    databaseUrl,
    fromUs: from,
    toUs: to,
    symbols: flags.symbols ?? null,
    intervals: flags.intervals ?? null,
    interval: flags.interval ?? null,
    venue: flags.venue ?? null,
    indicators: flags.indicators ?? LOAD_DEFAULTS.indicators,
    rollups: flags.rollups ?? [],
    workers: flags.workers ?? LOAD_DEFAULTS.workers,
    cpuTarget: flags['cpu-target'] ?? LOAD_DEFAULTS.cpuTarget,
    ...(flags['max-rejects'] ?? {
      maxRejects: LOAD_DEFAULTS.maxRejects,
      maxRejectShare: LOAD_DEFAULTS.maxRejectShare,
    }),
    prices: flags.prices ?? 'float8',
    onInvalid: flags['on-invalid'] ?? LOAD_DEFAULTS.onInvalid,
    onConflict: flags['on-conflict'] ?? LOAD_DEFAULTS.onConflict,
    reload: flags.reload ?? false,
    incremental: flags.incremental ?? false,
    dryRun: flags['dry-run'] ?? false,
    distribute: flags.distribute ?? false,
    compressAfterS: flags['compress-after'] ?? null,
    batchBytes: flags['batch-bytes'] ?? null,
    leaseMs: flags['lease-seconds'] ?? LOAD_DEFAULTS.leaseMs,
    inflate: {
      bytes: flags['max-inflated-bytes'] ?? INFLATE_LIMITS.bytes,
      ratio: flags['max-inflate-ratio'] ?? INFLATE_LIMITS.ratio,
    },
    drainMs: flags['drain-seconds'] ?? LOAD_DEFAULTS.drainMs,
  };
}

export function sourceOptions(flags: SourceFlags): SourceOptions {
  return {
    ...(flags.profile === undefined ? {} : { profile: flags.profile }),
    ...(flags['endpoint-url'] === undefined ? {} : { endpointUrl: flags['endpoint-url'] }),
    ...(flags.region === undefined ? {} : { region: flags.region }),
    requestPayer: flags['request-payer'] ?? false,
    signRequest: !(flags['no-sign-request'] ?? false),
    pathStyle: flags['path-style'] ?? false,
    allowPrivateAddresses: flags['allow-private'] ?? false,
  };
}
