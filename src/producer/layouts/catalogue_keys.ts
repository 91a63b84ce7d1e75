/** What `catalogue.json` must hold. */

import { checkKeys } from './checked_layout.ts';
import { CATALOGUE_NAMES, catalogueText } from './known_layouts.ts';
import type { LayoutKeys } from './schema.ts';

/** The keys of every file of the catalogue, read and checked. */
export function catalogueKeys(parse: (text: string) => unknown): Record<string, LayoutKeys> {
  return Object.fromEntries(
    CATALOGUE_NAMES.map((name) => [name, checkKeys(parse(catalogueText(name)), name)]),
  );
}
