/** Which encoding a text is in that is no UTF-8: told by a detector, and by the words of its header. */

import { createRequire } from 'node:module';
import { isColumnName } from './column_words.ts';

/** Confidence of the detector, of 100, from which an encoding is taken on its word alone. */
const SURE = 60;
/** What most exports of older programs are in. */
const USUAL = 'windows-1252';
/** Encodings that are held against the header's words besides those the detector names. */
const COMMON = [USUAL, 'windows-1251', 'gb18030', 'shift_jis', 'big5', 'euc-kr', 'koi8-r'];
const TOLD = 5;

/**
 * Only the lines with other bytes than ASCII's are looked at: numbers say nothing. Where neither the words of a
 * header nor the detector decide, windows-1252 is drafted and marked to be checked, with what else it may be.
 */
export function guessCodePage(bytes: Uint8Array): { readonly value: string; readonly why: string } {
  const sample = oddLines(bytes);
  const { analyse } = createRequire(import.meta.url)('chardet') as typeof import('chardet');
  const told = analyse(sample)
    .map(({ name, confidence }) => ({ name: name.toLowerCase(), confidence }))
    .filter(({ name }) => decoded(bytes, name) !== null);
  const names = [...new Set([...told.map(({ name }) => canonical(name)), ...COMMON])];
  const counts = names.map((name) => knownWords(decoded(sample, name)));
  const most = Math.max(...counts);
  const best = names.filter((_, i) => counts[i] === most);
  const [first] = told;
  const sure = first !== undefined && first.confidence >= SURE ? canonical(first.name) : null;
  // Code pages share their accents; a word that is known by the wrong one does not happen.
  if (most > 0) {
    const value = sure !== null && best.includes(sure) ? sure : best.includes(USUAL) ? USUAL : best[0]!;
    return { value, why: `its bytes are no UTF-8; by this encoding ${most} of its header's words are known` };
  }
  if (sure !== null) return { value: sure, why: `its bytes are no UTF-8, but written as ${sure} is` };
  const others = names.filter((name) => name !== USUAL && decoded(bytes, name) !== null).slice(0, TOLD);
  return {
    value: USUAL,
    why: `CHECK: its bytes are no UTF-8; nothing tells whether they are this or ${others.join(', ')}`,
  };
}

/** What the decoders here call an encoding. */
function canonical(name: string): string {
  return new TextDecoder(name).encoding;
}

/** The text of bytes that are one of the encoding, the last character cut off or not; else null. */
function decoded(bytes: Uint8Array, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return null;
  }
}

/** Lines with bytes beyond ASCII; of no line more than its start. */
function oddLines(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    const line = bytes.subarray(at, end < 0 ? bytes.length : end + 1);
    if (line.some((byte) => byte > 127)) kept.push(line);
    at += line.length;
  }
  return Buffer.concat(kept);
}

/** Fields of the first lines that are what columns are called, in letters that are not ASCII's. */
function knownWords(text: string | null): number {
  const fields = (text ?? '').split('\n', 5).flatMap((line) => line.trim().split(/[,;\t|]/));
  return fields.filter((field) => /[^\p{ASCII}]/u.test(field) && isColumnName(field)).length;
}
