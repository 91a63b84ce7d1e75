import type { Inspection, InspectOptions, NoLayout } from '../../src/inspect/inspection.ts';
import { inspect } from '../../src/inspect/inspection.ts';
import { locateFile } from '../../src/inspect/located_file.ts';
import { recordLimits } from '../../src/load/defaults.ts';
import type { Layout } from '../../src/producer/layouts/layout.ts';

const never = new AbortController().signal;

export async function inspected(
  path: string,
  layout: Layout | null = null,
  more: Partial<InspectOptions> = {},
): Promise<Inspection | NoLayout> {
  const options = { source: {}, rows: 2, limits: recordLimits(), interval: null, venue: null, ...more };
  return inspect(await locateFile(path, {}, never), layout, 'named', options, never);
}

/** Where a layout reads it. */
export async function read(...args: Parameters<typeof inspected>): Promise<Inspection> {
  const found = await inspected(...args);
  if ('fault' in found) throw new Error(`no layout: ${found.fault.message}`);
  return found;
}
