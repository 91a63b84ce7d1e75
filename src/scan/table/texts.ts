/** Values of a table as the text a CSV would have for them: what the judge is shown of a row in doubt. */

import { isNull, stampUs, type TableColumn, type TextColumn } from './table_columns.ts';

const utf8 = new TextDecoder();

/** `''` for null. `decimal`: how the layout's numbers are written. */
export function textOf(column: TableColumn, row: number, decimal: '.' | ',' = '.'): string {
  if (isNull(column, row)) return '';
  switch (column.kind) {
    case 'number': {
      const value = column.values[row]!;
      return Number.isNaN(value) ? '' : numberText(String(value), decimal);
    }
    case 'int64':
      return String(bigOf(column.words, row, column.isSigned));
    case 'stamp':
      return stampText(column, row);
    case 'decimal':
      return numberText(decimalText(column.words, row, column.scale), decimal);
    case 'text':
      return textAt(column, row);
    case 'dictionary': {
      const code = column.codes[row]!;
      // Of a damaged file, a word may be none of the list.
      const isWord = code >= 0 && code < column.words.offsets.length - 1;
      return isWord && !isNull(column.words, code) ? textAt(column.words, code) : '';
    }
    case 'flag': {
      const bit = column.bitsFrom + row;
      return (column.bits[bit >> 3]! & (1 << (bit & 7))) === 0 ? 'false' : 'true';
    }
    case 'none':
      return '';
  }
}

function numberText(text: string, decimal: '.' | ','): string {
  return decimal === '.' ? text : text.replace('.', decimal);
}

function textAt({ bytes, offsets }: TextColumn, row: number): string {
  return utf8.decode(bytes.subarray(offsets[row]!, offsets[row + 1]!));
}

function bigOf(words: Int32Array, row: number, isSigned: boolean): bigint {
  const bits = (BigInt(words[2 * row + 1]!) << 32n) | BigInt(words[2 * row]! >>> 0);
  return isSigned ? BigInt.asIntN(64, bits) : BigInt.asUintN(64, bits);
}

/** ISO 8601; with `Z` where it is an instant. */
function stampText(column: Extract<TableColumn, { kind: 'stamp' }>, row: number): string {
  const us = stampUs(column, row);
  const ms = Math.floor(us / 1000);
  if (!(Math.abs(ms) <= 8.64e15)) return `${us} µs since 1970`;
  const text = new Date(ms).toISOString();
  const finer = us - ms * 1000;
  const seconds = text.slice(0, -5);
  const fraction = text.slice(-4, -1) + String(finer).padStart(3, '0');
  return `${seconds}${fraction === '000000' ? '' : `.${fraction}`}${column.zoned ? 'Z' : ''}`;
}

function decimalText(words: Int32Array, row: number, scale: number): string {
  const at = 4 * row;
  let bits = 0n;
  for (let word = 3; word >= 0; word--) bits = (bits << 32n) | BigInt(words[at + word]! >>> 0);
  const value = BigInt.asIntN(128, bits);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  if (scale <= 0) return `${sign}${digits}${'0'.repeat(-scale)}`;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
