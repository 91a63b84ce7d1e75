/** Tables of text: columns aligned by two spaces, no borders, no wider than the terminal. */

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

/**
 * Lines of a table, its head first; cells are safe to print and without colours. `width` is the terminal's, Infinity
 * for a pipe. Time and memory follow the number of rows.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  style: Style = PLAIN,
): string[] {
  const widths = fitWidths(naturalWidths(columns, rows), width - GAP * (columns.length - 1));
  const cellOf = (text: string, j: number): string => {
    const { align, cut } = columns[j]!;
    const kept = cut === 'start' ? cutStart(text, widths[j]!) : cutEnd(text, widths[j]!);
    const space = ' '.repeat(Math.max(0, widths[j]! - displayWidth(kept)));
    return align === 'right' ? space + kept : kept + space;
  };
  const lineOf = (cells: readonly string[]): string =>
    columns
      .map((_, j) => cellOf(cells[j] ?? '', j))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [style.bold(lineOf(columns.map(({ title }) => title))), ...rows.map(lineOf)];
}

/** What each column takes at its widest. */
function naturalWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  const widths = columns.map(({ title }) => displayWidth(title));
  for (const row of rows)
    for (let j = 0; j < widths.length; j++) widths[j] = Math.max(widths[j]!, displayWidth(row[j] ?? ''));
  return widths;
}

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
