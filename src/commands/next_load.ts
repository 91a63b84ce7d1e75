/** The commands that load given files again as they were loaded before. Pure. */

import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { interval } from '../base/quantities.ts';
import { LOAD_DEFAULTS } from '../load/defaults.ts';
import type { LoadOptions } from '../load/load_events.ts';
import { isIn } from '../state/tasks/vanished.ts';
import { redact } from '../ui/redact.ts';
import { sanitise } from '../ui/text.ts';

/** The options of a load as its run recorded them; of earlier versions some may be missing. */
export type PastOptions = Partial<Omit<LoadOptions, 'databaseUrl'>>;

/** Commands beyond these are not told: somebody with so many layouts knows them. */
const MOST = 5;

/**
 * `uris`: of the files; `runs`: what loads were asked for, latest first; `database`: as the user named it now. A file is
 * loaded by the source of the latest load that held it, with the flags of that; where none did, by itself.
 */
export function commandsFor(
  uris: readonly string[],
  runs: readonly PastOptions[],
  cwd: string,
  database: string | undefined,
): string[] {
  const bySource = new Map<string, Set<string>>();
  for (const uri of uris) {
    const found = loadOf(uri, runs, cwd);
    const flags = flagsOf(found.options, database);
    const sources = bySource.get(flags);
    if (sources === undefined) bySource.set(flags, new Set([found.source]));
    else sources.add(found.source);
  }
  return [...bySource]
    .slice(0, MOST)
    .map(([flags, sources]) =>
      ['npx backhaul load', ...[...sources].map((source) => quoted(sanitise(source))), flags]
        .filter((part) => part !== '')
        .join(' '),
    );
}

function loadOf(
  uri: string,
  runs: readonly PastOptions[],
  cwd: string,
): { readonly source: string; readonly options: PastOptions } {
  for (const options of runs) {
    const source = options.sources?.find((one) => isIn(uri, uriOf(one, cwd)));
    if (source !== undefined) return { source, options };
  }
  return { source: uri.startsWith('file:') ? fileURLToPath(uri) : uri, options: {} };
}

/** The URI that a source is listed under. */
function uriOf(source: string, cwd: string): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source))
    return source.replace(/^[a-z0-9]+/i, (word) => word.toLowerCase());
  return pathToFileURL(resolve(cwd, source)).href;
}

/** What the user said then that is not the default, as flags. */
function flagsOf(options: PastOptions, database: string | undefined): string {
  const { sourceOptions: access, onInvalid, maxRejects, maxRejectShare, indicators, inflate } = options;
  const flags: [string, string | null | undefined | boolean][] = [
    ['layout', options.layout === 'auto' ? null : options.layout],
    ['venue', options.venue],
    ['interval', options.interval == null ? null : interval(options.interval)],
    ['symbols', options.symbols?.join(',')],
    ['intervals', options.intervals?.map(interval).join(',')],
    ['from', timeOf(options.fromUs)],
    ['to', timeOf(options.toUs)],
    ['rollups', options.rollups?.map(interval).join(',') || null],
    ['prices', options.prices === 'numeric' && 'numeric'],
    ['on-conflict', options.onConflict === 'replace' ? 'replace' : null],
    [
      'on-invalid',
      typeof onInvalid === 'object' ? `keep:${onInvalid.join(',')}` : onInvalid === 'keep' && 'keep',
    ],
    ['max-rejects', isDefault(maxRejects, maxRejectShare) ? null : limitOf(maxRejects, maxRejectShare)],
    [
      'max-inflated-bytes',
      inflate === undefined || inflate.bytes === 64 * 2 ** 30 ? null : `${inflate.bytes}`,
    ],
    ['max-inflate-ratio', inflate === undefined || inflate.ratio === 200 ? null : `${inflate.ratio}`],
    [
      'indicators',
      indicators === undefined || indicators.length === INDICATOR_NAMES.length
        ? null
        : indicators.join(',') || 'none',
    ],
    ['profile', access?.profile],
    ['endpoint-url', access?.endpointUrl],
    ['region', access?.region],
    ['request-payer', access?.requestPayer === true],
    ['no-sign-request', access?.signRequest === false],
    ['path-style', access?.pathStyle === true],
    ['allow-private', access?.allowPrivateAddresses === true],
    ['database', database === undefined ? null : redact(database)],
  ];
  return flags
    .flatMap(([name, said]) => {
      if (said === null || said === undefined || said === false) return [];
      return [said === true ? `--${name}` : `--${name} ${quoted(sanitise(said))}`];
    })
    .join(' ');
}

function timeOf(us: number | null | undefined): string | null {
  if (us === null || us === undefined) return null;
  return new Date(us / 1000)
    .toISOString()
    .replace(/(?::00)?(?:\.000)?Z$/, 'Z')
    .replace(/T00:00Z$/, '');
}

function isDefault(rejects: number | null | undefined, share: number | null | undefined): boolean {
  if (rejects === undefined || share === undefined) return true;
  return rejects === LOAD_DEFAULTS.maxRejects && share === LOAD_DEFAULTS.maxRejectShare;
}

function limitOf(rejects: number | null | undefined, share: number | null | undefined): string {
  return share == null ? `${rejects}` : `${Number((share * 100).toFixed(6))}%`;
}

/** Fit for a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
