import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { catalogueKeys } from '../../../src/producer/layouts/catalogue_keys.ts';
import { checkLayout } from '../../../src/producer/layouts/checked_layout.ts';
import { allLayouts, catalogueText } from '../../../src/producer/layouts/known_layouts.ts';

const read = (text: string): unknown => parse(text, { stringKeys: true });

it('catalogue.json holds the keys of the files beside it: npm run catalogue', () => {
  const file = new URL('../../../src/producer/layouts/catalogue/catalogue.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(catalogueKeys(read))));
});

it('a layout made of them is the one its file makes', () => {
  for (const layout of allLayouts())
    expect(layout).toEqual(checkLayout(read(catalogueText(layout.name)), layout.name, layout.name));
});
