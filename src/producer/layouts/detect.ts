import { basename } from 'node:path';
import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { printable } from '../../faults/text.ts';
import { normaliseName, requiredRoles } from '../../scan/header.ts';
import { type Fit, fitHead, type Head } from './head.ts';
import type { Layout } from './layout.ts';
import { misfitError } from './misfit.ts';
import {
  type Given,
  isNamedBy,
  NOTHING_GIVEN,
  type Resolution,
  resolve,
  type Unresolved,
} from './resolve.ts';

/** Which layout a file is of: told by its name, held against its head. */

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
}

/**
 * What path and head tell together. Layouts whose names fit go first, then those that know the header best. Fails with
 * `not-a-bar-file`, naming what was found and the nearest layout.
 */
export function detect(
  layouts: readonly Layout[],
  forced: boolean,
  path: string,
  head: Head,
  where: FaultPlace,
  given: Given = NOTHING_GIVEN,
): Resolution {
  const named: Candidate[] = [];
  for (const layout of layouts) {
    if (!forced && !isNamedBy(layout, path)) continue;
    const one = candidate(layout, path, head, given);
    if (one.fit.kind !== 'none' && 'venue' in one.resolution) return one.resolution;
    named.push(one);
  }
  const candidates = layouts.map(
    (layout) => named.find((one) => one.layout === layout) ?? candidate(layout, path, head, given),
  );
  // A layout that knows all of a header but not, say, the venue is the file's all the same: no other takes it over.
  const kin = candidates.filter(({ fit }) => fit.kind === 'header');
  const least = Math.min(...kin.map(({ strange }) => strange));
  const best = kin.filter(({ strange }) => strange === least);
  const unnamed = named.find(
    (one) => !('venue' in one.resolution) && (one.fit.kind !== 'none' || isUnknownWord(one)),
  );
  if (unnamed === undefined) for (const { resolution } of best) if ('venue' in resolution) return resolution;
  const unresolved = unnamed ?? best[0] ?? candidates.find(isKinByRecords);
  if (unresolved !== undefined && !('venue' in unresolved.resolution))
    throw unresolvedError(unresolved.resolution, path, where);
  const nearest = candidates.reduce((a, b) => (b.fit.known > a.fit.known ? b : a));
  if (forced && nearest.fit.kind !== 'empty') throw misfitError(nearest.layout, head, nearest.fit, where);
  throw strangerError(nearest, where);
}

function candidate(layout: Layout, path: string, head: Head, given: Given): Candidate {
  const resolution = resolve(layout, path, head, given);
  const shape = 'venue' in resolution ? resolution.shape : layout.shape;
  const fit = fitHead(head, shape, layout.symbol.kind !== 'column');
  const names = new Set(shape.columns.flatMap((column) => column.names.map(normaliseName)));
  const strange = fit.first.filter((field) => !names.has(normaliseName(field))).length;
  return { layout, resolution, fit, strange };
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
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: `looks like ${layout.name}, but its name and its records disagree about the ${missing}`,
      where,
      expected: conflict.said,
      found: conflict.found,
      hint: `Say which it is: --${missing}.`,
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
          ? 'Rename the file, or state the symbol in a layout of your own: --layout my.yaml.'
          : `Say it for the files of this load that do not: --${missing} ${missing === 'interval' ? '1m' : 'NAME'}.`,
  });
}

function strangerError({ layout, fit }: { layout: Layout; fit: Fit }, where: FaultPlace): BackhaulError {
  if (fit.kind === 'empty') {
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'the file is empty, and its name is none of a known layout',
      where,
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
    hint: 'If these are bars, describe the file in a layout of your own: --layout my.yaml.',
  });
}
