import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvLine, jsonRow, resultLines } from '../../src/ui/query_text.ts';
import { displayWidth } from '../../src/ui/text.ts';

const COLUMNS = [
  { name: 'ts', type: 1184 },
  { name: 'close', type: 701 },
  { name: 'trades', type: 20 },
  { name: 'fine', type: 16 },
  { name: 'more', type: 3802 },
  { name: 'type', type: 25 },
];

describe('rows as JSON', () => {
  it('give each value its own kind', () => {
    const row = ['2024-04-01 13:30:00.5+00', '1.188e-05', '42', 't', '{"a": [1]}', 'x"y\n'];
    expect(JSON.parse(jsonRow(COLUMNS, row))).toEqual({
      type: 'row',
      row: {
        ts: '2024-04-01T13:30:00.500000Z',
        close: 1.188e-5,
        trades: 42,
        fine: true,
        more: { a: [1] },
        type: 'x"y\n',
      },
    });
  });

  it('have null for NULL and for numbers JSON cannot say', () => {
    const row = [null, 'NaN', null, 'f', null, null];
    expect(JSON.parse(jsonRow(COLUMNS, row)).row).toMatchObject({ ts: null, close: null, fine: false });
    expect(JSON.parse(jsonRow(COLUMNS, [null, '-Infinity', null, null, null, null])).row.close).toBeNull();
    expect(JSON.parse(jsonRow(COLUMNS, ['infinity', null, null, null, null, null])).row.ts).toBe('infinity');
  });
});

describe('rows as CSV', () => {
  it('are read back as they were', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é'), minLength: 1 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 4 }), (values) => {
        expect(parse(`${csvLine(values)}\n`, { record_delimiter: '\n' })).toEqual([values]);
      }),
    );
  });

  it('tell NULL from an empty text', () => {
    expect(csvLine([null, '', 'a'])).toBe(',"",a');
  });
});

describe('rows as a table', () => {
  it('become blocks where the terminal is too narrow', () => {
    const row = ['2024-04-01 13:30:00+00', '61234.5', '42', 't', '{}', 'z'.repeat(500)];
    const lines = resultLines(COLUMNS, [row, row], 60);
    expect(lines).toHaveLength(2 * (1 + COLUMNS.length));
    expect(lines[2]).toBe('close   61234.5');
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(60);
  });

  it('print nothing of the data raw', () => {
    const lines = resultLines([{ name: 'a\x1b', type: 25 }], [['x\x1b[2Jy\n']], 80);
    expect(lines.join('|')).toBe('a\\x1b|x\\x1b[2Jy\\n');
  });
});
