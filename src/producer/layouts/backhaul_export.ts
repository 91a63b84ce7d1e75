/** What tells an export of ours from other files: its columns. */

import { INDICATOR_NAMES } from '../../bars/columns.ts';

/** The layout of the catalogue. */
export const EXPORT_LAYOUT = 'backhaul-export';

/** Columns of every exported file. */
const ALWAYS = ['interval_s', 'ts', 'open', 'high', 'low', 'close', 'volume', 'trades'];
/** Columns that are none a layout added. */
export const OWN_COLUMNS: ReadonlySet<string> = new Set([...ALWAYS, 'venue', 'symbol', ...INDICATOR_NAMES]);

/** Whether these are the columns of one of our exports. */
export function isExportHeader(names: readonly string[]): boolean {
  return ALWAYS.every((name) => names.includes(name));
}
