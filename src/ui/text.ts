/** Text on its way to a terminal: made harmless, measured and cut. */

import { stripVTControlCharacters } from 'node:util';

/**
 * Makes text from data, names or servers safe to print: control characters (C0, DEL, C1), line and paragraph
 * separators and the marks that reverse the direction of text become `\xNN` or `\u{NNNN}`. Printed as they are, they
 * could move the cursor, hide text or forge a line.
 */
export function sanitise(text: string): string {
  return text.replace(UNSAFE, escaped);
}

const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** East Asian wide forms and pictographs: two columns each (Unicode's East Asian Width W and F, coarsely). */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const ZERO_WIDTH = /^(?:\p{Mark}|\u200b|\u200c|\u200d)/u;

const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/** Columns a text takes on a terminal; colours take none. */
export function displayWidth(text: string): number {
  if (PLAIN_ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (character < '\u0300') return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text, cut at the end to fit into `width` columns; `…` stands for what is gone. The text has no colours. */
export function cutEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const character of text) {
    used += characterWidth(character);
    if (used > width) break;
    kept += character;
  }
  return width < 1 ? '' : `${kept}…`;
}

/** The text, cut at the start: of a path, the end says most. */
export function cutStart(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = [...text].reverse();
  let kept = '';
  let used = 1;
  for (const character of characters) {
    used += characterWidth(character);
    if (used > width) break;
    kept = character + kept;
  }
  return width < 1 ? '' : `…${kept}`;
}
