/** `npm run catalogue`: the keys of the built-in layouts, read and checked, as the program reads them at its start. */

import { writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { catalogueKeys } from '../src/producer/layouts/catalogue_keys.ts';

const keys = catalogueKeys((text) => parse(text, { stringKeys: true }));
const file = new URL('../src/producer/layouts/catalogue/catalogue.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(keys, null, 1)}\n`);
