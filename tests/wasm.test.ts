import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compile, MODULES } from '../wasm/build.ts';

it.each(Object.entries(MODULES))(
  'the module of wasm/%s is what its source compiles to',
  async (source, module) => {
    const committed = readFileSync(new URL(`../${module}`, import.meta.url), 'utf8');
    expect(committed === (await compile(source))).toBe(true);
  },
);
