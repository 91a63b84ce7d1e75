/** The layout that a user names: one of the catalogue, or a file of their own. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { nearest } from '../../base/nearest.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { fileError } from '../../faults/file_fault.ts';
import { withHolidays } from './calendar_key.ts';
import type { Layout } from './layout.ts';

/**
 * The layout `spec` names: one of `known`, or a YAML file.
 * @throws BackhaulError `usage` when it is neither, or the file is no valid layout
 */
export async function loadLayout(spec: string, known: readonly Layout[]): Promise<Layout> {
  const layout = known.find(({ name }) => name === spec);
  if (layout !== undefined) return layout;
  if (!/\.ya?ml$|[/\\]/i.test(spec)) throw unknownLayout(spec, known);
  const { parse, YAMLError } = await import('yaml');
  let text: unknown;
  try {
    // Keys as they are written: `null:` is a key of numbers.
    text = parse(await readFile(spec, 'utf8'), { stringKeys: true });
  } catch (error) {
    if (error instanceof YAMLError) {
      throw new BackhaulError({
        kind: 'usage',
        message: `the layout ${spec} is no YAML: ${error.message.split('\n', 1)[0]!.replace(/:$/, '')}`,
      });
    }
    const { fault } = fileError(error, spec);
    const message = `the layout ${spec} cannot be read: ${fault.message}`;
    throw new BackhaulError({ ...fault, kind: 'usage', message }, { cause: error });
  }
  // The check takes all of zod, a fifth of a command's start: for files that somebody has written alone.
  const { checkLayout } = await import('./checked_layout.ts');
  return checkLayout(await withHolidays(text, spec), spec, basename(spec).replace(/\.ya?ml$/i, ''));
}

function unknownLayout(spec: string, known: readonly Layout[]): BackhaulError {
  const choices = ['auto', ...known.map(({ name }) => name)];
  const near = nearest(spec, choices);
  return new BackhaulError({
    kind: 'usage',
    message: `unknown layout: ${spec}`,
    expected: `${choices.join(', ')} or the path of a YAML file`,
    ...(near === null ? {} : { hint: `Did you mean ${near}?` }),
  });
}
