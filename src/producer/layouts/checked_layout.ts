/** The check of a layout that somebody has written. */

import { calendarSlips } from './calendar_key.ts';
import { columnSlips, readColumns } from './column_roles.ts';
import { keySlips } from './key_checks.ts';
import { type Layout, layoutOf } from './layout.ts';
import { layoutError, slipsOf } from './layout_error.ts';
import { type LayoutKeys, layoutSchema } from './schema.ts';

/**
 * Checks a layout; `source` names the file.
 * @throws BackhaulError `usage`, saying where
 */
export function checkLayout(text: unknown, source: string, defaultName: string): Layout {
  return layoutOf(checkKeys(text, source), defaultName);
}

/**
 * The keys of a layout, with the defaults of those that are left out.
 * @throws BackhaulError `usage`, saying where
 */
export function checkKeys(text: unknown, source: string): LayoutKeys {
  const result = layoutSchema.safeParse(text);
  if (!result.success) throw layoutError(source, slipsOf(result.error.issues, text));
  const keys = result.data;
  const { columns, slips } = readColumns(keys);
  const wrong =
    slips.length > 0
      ? slips
      : [...columnSlips(columns, keys), ...keySlips(keys, columns), ...calendarSlips(keys.calendar)];
  if (wrong.length > 0) throw layoutError(source, wrong);
  return keys;
}
