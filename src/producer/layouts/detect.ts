import { basename } from 'node:path';
import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { printable } from '../../faults/file_fault.ts';
import { type Fit, fitHead, type Head } from './head.ts';
import type { Layout } from './layout.ts';
import { isNamedBy, type Resolution, resolve, type Unresolved } from './resolve.ts';

/** Which layout a file is of: told by its name, held against its head. */

/**
 * What the path alone tells; null when it is no known name, or tells too little. `forced`: the user named the (one)
 * layout, so the name need not fit.
 */
export function detectByName(layouts: readonly Layout[], forced: boolean, path: string): Resolution | null {
  for (const layout of layouts) {
    if (!forced && !isNamedBy(layout, path)) continue;
    const resolution = resolve(layout, path, null);
    if ('venue' in resolution) return resolution;
  }
  return null;
}

/**
 * What path and head tell together. Layouts whose names fit go first, then those whose header is found. Fails with
 * `not-a-bar-file`, naming what was found and the nearest layout.
 */
export function detect(
  layouts: readonly Layout[],
  forced: boolean,
  path: string,
  head: Head,
  where: FaultPlace,
): Resolution {
  let nearest: { layout: Layout; fit: Fit } | null = null;
  const unresolved: Record<'header' | 'records', Unresolved[]> = { header: [], records: [] };
  const named = layouts.filter((layout) => forced || isNamedBy(layout, path));
  for (const layout of [...named, ...layouts.filter((one) => !named.includes(one))]) {
    const resolution = resolve(layout, path, head);
    const isResolved = 'venue' in resolution;
    const shape = isResolved ? resolution.shape : layout.shape;
    const fit = fitHead(head, shape, layout.symbol.kind !== 'column');
    if (nearest === null || fit.known > nearest.fit.known) nearest = { layout, fit };
    const isKin = named.includes(layout) ? fit.kind !== 'none' : fit.kind === 'header';
    if (isKin && isResolved) return resolution;
    if (!isResolved && (fit.kind === 'header' || fit.kind === 'records'))
      unresolved[fit.kind].push(resolution);
  }
  const kin = unresolved.header[0] ?? unresolved.records[0];
  if (kin !== undefined) throw unresolvedError(kin, path, where);
  throw strangerError(nearest!, where);
}

/** The records are bars, but of what? */
function unresolvedError(
  { layout, missing, word }: Unresolved,
  path: string,
  where: FaultPlace,
): BackhaulError {
  const name = basename(path);
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message:
      word === null
        ? `looks like ${layout.name}, but its name does not tell the ${missing}`
        : `looks like ${layout.name}, but ${printable(word, 40)} is no ${missing}`,
    where,
    expected: `a name such as ${layout.example}`,
    found: printable(name),
    hint: `Rename the file, or state the ${missing} in a layout of your own: --layout my.yaml.`,
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
  const roles = layout.shape.columns.filter((column) => column.role !== 'ignore' && column.optional !== true);
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'neither header nor records are those of a bar file',
    where,
    expected: `columns such as ${roles.map(({ names }) => names.find((name) => !name.includes('{'))).join(',')} (nearest layout: ${layout.name})`,
    found: printable(fit.first.join(layout.shape.delimiter)),
    hint: 'If these are bars, describe the file in a layout of your own: --layout my.yaml.',
  });
}
