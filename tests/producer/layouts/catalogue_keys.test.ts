import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { catalogueKeys } from '../../../src/producer/layouts/catalogue_keys.ts';
import { checkLayout } from '../../../src/producer/layouts/checked_layout.ts';
import { allLayouts, CATALOGUE_NAMES, catalogueText } from '../../../src/producer/layouts/known_layouts.ts';

const read = (text: string): unknown => parse(text, { stringKeys: true });

it('catalogue.json holds the keys of the files beside it: npm run catalogue', () => {
  const file = new URL('../../../src/producer/layouts/catalogue/catalogue.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(catalogueKeys(read))));
});

it('every file of the catalogue is on the list of known layouts', () => {
  const files = readdirSync(new URL('../../../src/producer/layouts/catalogue/', import.meta.url));
  const names = files.filter((name) => name.endsWith('.yaml')).map((name) => name.replace('.yaml', ''));
  expect(names.sort()).toEqual([...CATALOGUE_NAMES].sort());
});

it('a layout made of them is the one its file makes', () => {
  for (const layout of allLayouts())
    expect(layout).toEqual(checkLayout(read(catalogueText(layout.name)), layout.name, layout.name));
});
