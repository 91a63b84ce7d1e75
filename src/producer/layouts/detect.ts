/** Which layout a file is of: told by its name, held against its head. */

import { basename } from 'node:path';
import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { printable } from '../../faults/safe_text.ts';
import { normaliseName, requiredRoles } from '../../scan/header.ts';
import { type Fit, fitHead, type Head, readsAsBars, recordsOf } from './head.ts';
import type { Layout } from './layout.ts';
import { misfitError } from './misfit.ts';
import { SALE_CONDITIONS, tickersSideBySide } from './no_bars.ts';
import {
  type Given,
  isNamedBy,
  maybeNamedBy,
  NOTHING_GIVEN,
  type Resolution,
  resolve,
  type Unresolved,
} from './resolve.ts';

/**
 * What the path alone tells; null when it is no known name, or tells too little. `forced`: the user named the (one)
 * layout, so the name need not fit.
 */
export function detectByName(
  layouts: readonly Layout[],
  forced: boolean,
  path: string,
  given: Given = NOTHING_GIVEN,
): Resolution | null {
  for (const layout of layouts) {
    if (!forced && !isNamedBy(layout, path)) continue;
    const resolution = resolve(layout, path, null, given);
    if ('venue' in resolution) return resolution;
  }
  return null;
}

/** A layout held against a path and a head. */
interface Candidate {
  readonly layout: Layout;
  readonly resolution: Resolution | Unresolved;
  readonly fit: Fit;
  /** Fields of the header that the layout does not know. */
  readonly strange: number;
  /** One of the first records could be a bar. */
  readonly reads: boolean;
}

/**
 * What path and head tell together. Layouts whose names fit go first, then those that know the header best.
 * @throws BackhaulError `not-a-bar-file`, naming what was found and the nearest layout
 */
export function detect(
  layouts: readonly Layout[],
  forced: boolean,
  path: string,
  head: Head,
  where: FaultPlace,
  given: Given = NOTHING_GIVEN,
): Resolution {
  if (!forced) refuseSideBySide(head, where);
  const one = (layout: Layout): Candidate => candidate(layout, path, head, given);
  const named = layouts.filter((layout) => forced || isNamedBy(layout, path)).map(one);
  const fitting = named.filter(({ fit, resolution }) => fit.kind !== 'none' && 'venue' in resolution);
  const likely = layouts.filter((layout) => !isNamedBy(layout, path) && maybeNamedBy(layout, path)).map(one);
  const sure = likely.filter((found) => isFile(found) && found.reads);
  const chosen = fitting.length > 0 ? best(fitting, where) : best(sure, where);
  if (chosen !== null) return chosen;
  const candidates = layouts.map(
    (layout) => [...named, ...likely].find((found) => found.layout === layout) ?? one(layout),
  );
  // A layout that knows all of a header but not, say, the venue is the file's all the same: no other takes it over.
  const kin = candidates.filter(({ fit }) => fit.kind === 'header');
  const least = Math.min(...kin.map(({ strange }) => strange));
  const near = kin.filter(({ strange }) => strange === least);
  // Of columns alone, the layouts for those: the names of CSV's columns are anybody's.
  const ofTables = head.table === undefined ? [] : near.filter(({ layout }) => layout.paths.length === 0);
  const nearKin = ofTables.length > 0 ? ofTables : near;
  const unnamed = named.find(
    (one) => !('venue' in one.resolution) && (one.fit.kind !== 'none' || isUnknownWord(one)),
  );
  if (unnamed === undefined) {
    const byHeader = nearKin.find((found) => forced || isKnownByHeader(found));
    if (byHeader !== undefined && 'venue' in byHeader.resolution) return byHeader.resolution;
    const vendors = new Set(nearKin.map(({ layout }) => layout.vendor));
    if (!forced && vendors.size > 1) throw anybodysError(nearKin, where);
  }
  const unresolved =
    unnamed ?? nearKin.find(({ resolution }) => !('venue' in resolution)) ?? candidates.find(isKinByRecords);
  if (unresolved !== undefined && !('venue' in unresolved.resolution))
    throw unresolvedError(unresolved.resolution, path, where);
  const nearest = candidates.reduce((a, b) => (b.fit.known > a.fit.known ? b : a));
  if (forced && nearest.fit.kind !== 'empty') throw misfitError(nearest.layout, head, nearest.fit, where);
  throw strangerError(nearest, where);
}

/** Fails for a table of several tickers: a layout would take the columns of the first. */
function refuseSideBySide(head: Head, where: FaultPlace): void {
  const tickers = head.table === undefined ? tickersSideBySide(recordsOf(head, COMMAS, 3)) : null;
  if (tickers === null) return;
  throw new BackhaulError({
    kind: 'unsupported',
    message: 'the file has the columns of several tickers side by side',
    where,
    expected: 'one column of each price: the bars of one ticker, or the ticker in a column of its own',
    found: printable(tickers.join(', ').slice(0, 200)),
    hint: "Write a file a ticker (yfinance: for each, download(ticker).to_csv(ticker + '.csv')), or data.stack(level='Ticker').",
  });
}

const COMMAS = { delimiter: ',' } as const;

function candidate(layout: Layout, path: string, head: Head, given: Given): Candidate {
  const resolution = resolve(layout, path, head, given);
  const shape = 'venue' in resolution ? resolution.shape : layout.shape;
  const fit = fitHead(head, shape, layout.symbol.kind !== 'column');
  const names = new Set(shape.columns.flatMap((column) => column.names.map(normaliseName)));
  const strange = fit.first.filter((field) => !names.has(normaliseName(field))).length;
  return { layout, resolution, fit, strange, reads: readsAsBars(fit, shape) };
}

/** Whether a header tells enough: of a layout whose symbol is no column's, it could be anybody's. */
function isKnownByHeader({ layout, resolution, reads }: Candidate): boolean {
  if (!('venue' in resolution)) return false;
  if (layout.paths.length === 0) return reads;
  return layout.symbol.kind === 'column';
}

/** A header that several vendors write, under a name of none of them. */
function anybodysError(kin: readonly Candidate[], where: FaultPlace): BackhaulError {
  const names = kin.map(({ layout }) => layout.name);
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'the file looks like bars, but its name is of no layout that has such a header',
    where,
    expected: `a name such as ${kin
      .slice(0, 3)
      .map(({ layout }) => layout.example)
      .join(' or ')} (${names.slice(0, 4).join(', ')}${names.length > 4 ? ', …' : ''})`,
    found: printable(basename(where.entry ?? where.uri ?? '')),
    hint: 'npx backhaul inspect FILE --write my.yaml drafts a layout for it.',
  });
}

function isFile({ fit, resolution }: Candidate): boolean {
  return fit.kind !== 'none' && fit.kind !== 'empty' && 'venue' in resolution;
}

/** Of the layouts that fit, the one that reads the records and knows the header best. Fails where two are equal. */
function best(fitting: readonly Candidate[], where: FaultPlace): Resolution | null {
  const rank = ({ reads, fit, strange }: Candidate): number =>
    (reads ? 0 : 1_000) + (fit.kind === 'header' ? strange : 0);
  const least = Math.min(...fitting.map(rank));
  const [first, second] = fitting.filter((one) => rank(one) === least);
  if (first === undefined || !('venue' in first.resolution)) return null;
  if (second === undefined || first.fit.kind === 'empty') return first.resolution;
  throw new BackhaulError({
    kind: 'not-a-bar-file',
    message: `the file could be of ${first.layout.name} and of ${second.layout.name}: its name fits both, and so do its records`,
    where,
    hint: `Say which it is: --layout ${first.layout.name}.`,
  });
}

/** The name has a word where the layout has a list of words, and it is none of them. */
function isUnknownWord({ resolution }: Candidate): boolean {
  return !('venue' in resolution) && resolution.word !== null && resolution.known.length > 0;
}

function isKinByRecords({ fit, resolution }: Candidate): boolean {
  return fit.kind === 'records' && !('venue' in resolution);
}

/** The records are bars, but of what? */
function unresolvedError(
  { layout, missing, word, known, conflict }: Unresolved,
  path: string,
  where: FaultPlace,
): BackhaulError {
  const name = basename(path);
  if (conflict !== null) {
    const apart = /^records (\S+) apart$/.exec(conflict.found)?.[1];
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: `looks like ${layout.name}, but its name and its records disagree about the ${missing}`,
      where,
      expected: conflict.said,
      found: conflict.found,
      hint: `Say which it is: --${missing}${apart === undefined ? '' : ` ${apart}`}.`,
    });
  }
  const isKnownKind = word !== null && known.length > 0;
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message:
      word === null
        ? `looks like ${layout.name}, but its name does not tell the ${missing}`
        : `looks like ${layout.name}, but ${printable(word, 40)} is no ${missing}${isKnownKind ? ' it knows' : ''}`,
    where,
    expected: isKnownKind ? `one of ${known.join(', ')}` : `a name such as ${layout.example}`,
    found: word !== null && isKnownKind ? printable(word, 40) : printable(name),
    hint:
      isKnownKind && missing === 'venue'
        ? `If it is to be called so all the same: --venue ${printable(word, 40)}.`
        : missing === 'symbol'
          ? 'Rename the file, or state the symbol in a layout of your own, which npx backhaul inspect FILE --write my.yaml drafts.'
          : `Say it for the files of this load that do not: --${missing} ${missing === 'interval' ? '1m' : 'NAME'}.`,
  });
}

/** By the header of Massive's: trades with their conditions. */
function isTradesOfEquities(header: readonly string[]): boolean {
  const names = header.map(normaliseName);
  return ['conditions', 'price', 'size', 'sip_timestamp'].every((name) => names.includes(name));
}

function strangerError({ layout, fit }: { layout: Layout; fit: Fit }, where: FaultPlace): BackhaulError {
  if (fit.kind === 'empty') {
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'the file is empty, and its name is none of a known layout',
      where,
    });
  }
  if (isTradesOfEquities(fit.first)) {
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'the file holds single trades of equities or options, no bars',
      where,
      expected: 'bars: open, high, low and close of an interval',
      found: printable(fit.first.join(layout.shape.delimiter)),
      hint: SALE_CONDITIONS,
    });
  }
  const required = requiredRoles(layout.shape, layout.symbol.kind !== 'column');
  const roles = layout.shape.columns.filter(({ role }) => required.includes(role));
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'neither header nor records are those of a bar file',
    where,
    expected: `columns such as ${roles.map(({ names }) => names.find((name) => !name.includes('{'))).join(',')} (nearest layout: ${layout.name})`,
    found: printable(fit.first.join(layout.shape.delimiter)),
    hint: 'If these are bars, npx backhaul inspect FILE --write my.yaml drafts a layout for them.',
  });
}
