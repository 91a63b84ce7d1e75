import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { layoutJsonSchema } from '../../../src/producer/layouts/json_schema.ts';

const page = readFileSync('docs/layouts.md', 'utf8');

describe('the page about layouts', () => {
  it('names every key', () => {
    const { properties } = layoutJsonSchema() as { properties: Record<string, object> };
    expect(
      Object.keys(properties).filter((key) => !page.includes(`${key}:`) && !page.includes(`\`${key}\``)),
    ).toEqual([]);
  });
});

describe('the JSON schema', () => {
  it('in docs is the one of the code: npm run schema', () => {
    const stored = JSON.parse(readFileSync('docs/layout.schema.json', 'utf8'));
    expect(stored).toEqual(JSON.parse(JSON.stringify(layoutJsonSchema())));
  });
});
