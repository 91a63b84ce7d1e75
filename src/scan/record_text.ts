/** Text of a record as a person may read it, and as PostgreSQL may store it. */

const MAX_CHARACTERS = 500;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * `bytes[start,end)` as text of at most `limit` UTF-16 units. Control characters, and every byte beyond ASCII where
 * the whole is not UTF-8, are written `\xNN`.
 */
export function recordText(bytes: Uint8Array, start: number, end: number, limit = MAX_CHARACTERS): string {
  let cut = Math.min(end, start + 4 * limit);
  // A cut must not go through a character, or the whole would not be UTF-8.
  if (cut < end) for (let i = 0; i < 3 && (bytes[cut]! & 0xc0) === 0x80; i++) cut--;
  let clean = '';
  for (const character of decode(bytes, start, cut)) {
    const code = character.codePointAt(0)!;
    const shown = code < 0x20 || (code >= 0x7f && code < 0xa0) ? hex(code) : character;
    if (clean.length + shown.length > limit) break;
    clean += shown;
  }
  return clean;
}

/** What to say of a text, as {@link recordText} or a decoder wrote it, whose bytes are no UTF-8; null where they are. */
export function encodingHint(
  text: string,
  { encoding = 'utf-8' }: { readonly encoding?: string },
): string | null {
  if (encoding !== 'utf-8' || !/\\x[89a-f][0-9a-f]|\ufffd/.test(text)) return null;
  return 'Its bytes are no UTF-8. A layout names another encoding: encoding: windows-1252; npx backhaul inspect FILE tells which it may be.';
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  try {
    return strict.decode(bytes.subarray(start, end));
  } catch {
    let text = '';
    for (let p = start; p < end; p++)
      text += bytes[p]! < 0x80 ? String.fromCharCode(bytes[p]!) : hex(bytes[p]!);
    return text;
  }
}

function hex(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}
