import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableLines } from '../../src/ui/table.ts';
import { displayWidth } from '../../src/ui/text.ts';

describe('a table', () => {
  it('aligns its columns and has no borders', () => {
    const columns = [{ title: 'file' }, { title: 'rows', align: 'right' as const }];
    const rows = [
      ['a', '1'],
      ['日本', '1,234'],
    ];
    expect(tableLines(columns, rows, 80)).toEqual(['file   rows', 'a         1', '日本  1,234']);
  });

  it('is no wider than the terminal, if the terminal is wide enough for its columns', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', '/', '日', '.'), maxLength: 60 });
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
    const columns = [{ title: 'file', cut: 'start' as const }, { title: 'series' }, { title: 'state' }];
    fc.assert(
      fc.property(rows, fc.integer({ min: 40, max: 120 }), (cells, width) => {
        const lines = tableLines(columns, cells, width);
        expect(lines).toHaveLength(cells.length + 1);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('has room for any number of rows', () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => [`folder/${i}.csv`, String(i)]);
    const lines = tableLines([{ title: 'file' }, { title: 'rows', align: 'right' }], rows, 80);
    expect(lines).toHaveLength(200_001);
    expect(lines[1]).toBe('folder/0.csv            0');
    expect(lines.at(-1)).toBe('folder/199999.csv  199999');
  });

  it('cuts the end or the start, as the column asks', () => {
    const columns = [{ title: 'file', cut: 'start' as const }, { title: 'what' }];
    const [, row] = tableLines(columns, [['/a/very/long/path/to/some/file.csv', 'x'.repeat(40)]], 40);
    expect(row).toMatch(/^….*file\.csv {2}x+…$/);
  });
});
