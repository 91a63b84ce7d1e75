import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkLayout } from '../../../src/producer/layouts/checked_layout.ts';
import { layoutJsonSchema } from '../../../src/producer/layouts/json_schema.ts';

const page = readFileSync('docs/layouts.md', 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);

/** What an example that is a few keys is part of. */
const REST = {
  columns: ['time', 'symbol', 'open', 'high', 'low', 'close', 'volume'],
  context: ['(?<market>spot)'],
  venue: 'mine',
  symbol: { column: 'symbol' },
  interval: '1m',
};

describe('the page about layouts', () => {
  it.each(examples.map((text) => [text.split('\n')[0]!, text]))(
    'has an example that is valid: %s',
    (_, text) => {
      const keys = parse(text, { stringKeys: true }) as Record<string, unknown>;
      const named = 'columns' in keys && !('symbol' in keys) ? { symbol: 'ABC' } : {};
      const column =
        'symbol' in keys && !('columns' in keys) ? { columns: { ...keysOfColumns(), symbol: 'Ticker' } } : {};
      expect(() => checkLayout({ ...REST, ...named, ...column, ...keys }, 'docs', 'docs')).not.toThrow();
    },
  );

  it('names every key', () => {
    const { properties } = layoutJsonSchema() as { properties: Record<string, object> };
    expect(
      Object.keys(properties).filter((key) => !page.includes(`${key}:`) && !page.includes(`\`${key}\``)),
    ).toEqual([]);
  });
});

function keysOfColumns(): Record<string, string> {
  return { time: 't', open: 'o', high: 'h', low: 'l', close: 'c', volume: 'v' };
}

describe('the JSON schema', () => {
  it('in docs is the one of the code: npm run schema', () => {
    const stored = JSON.parse(readFileSync('docs/layout.schema.json', 'utf8'));
    expect(stored).toEqual(JSON.parse(JSON.stringify(layoutJsonSchema())));
  });
});
