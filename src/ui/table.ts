/** Tables of text: columns aligned by two spaces, no borders, no wider than the terminal. */

import Table from 'cli-table3';
import { PLAIN, type Style } from './style.ts';
import { cutEnd, cutStart, displayWidth } from './text.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Which end of a long text goes first where the table is too wide. */
  readonly cut?: 'start' | 'end';
}

const GAP = 2;
/** No column is cut below this many columns of the terminal, even if the line then breaks. */
const LEAST = 12;

/** Lines of a table; cells are safe to print and without colours. `width` is the terminal's, Infinity for a pipe. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  style: Style = PLAIN,
): string[] {
  const widths = fitWidths(
    columns.map((column, j) =>
      Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(row[j] ?? ''))),
    ),
    width - GAP * (columns.length - 1),
  );
  const cut = (text: string, j: number): string =>
    columns[j]!.cut === 'start' ? cutStart(text, widths[j]!) : cutEnd(text, widths[j]!);
  const table = new Table({
    head: columns.map((column, j) => style.bold(cut(column.title, j))),
    colAligns: columns.map((column) => column.align ?? 'left'),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    chars: { ...NO_BORDERS, middle: ' '.repeat(GAP) },
  });
  for (const row of rows) table.push(columns.map((_, j) => cut(row[j] ?? '', j)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

const NO_BORDERS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((name) => [name, '']),
);

/** Takes from the widest columns until the sum fits. */
function fitWidths(natural: readonly number[], room: number): number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= LEAST) break;
    const next = Math.max(LEAST, ...widths.filter((width) => width < widest));
    const j = widths.indexOf(widest);
    const taken = Math.min(over, Math.max(1, widest - next));
    widths[j] = widest - taken;
    over -= taken;
  }
  return widths;
}
