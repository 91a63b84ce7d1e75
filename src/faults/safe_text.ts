/** Texts of strangers (names of files, fields of records) made fit to be shown and to be stored. */

/** A control character, written out: the one way they are written anywhere. */
function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Text from a file on its way into an error: control characters as `\\xNN`, at most `length` characters. */
export function printable(text: string, length = 200): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  const plain = text.slice(0, length + 1).replace(/[\u0000-\u001f\u007f-\u009f]/g, escaped);
  // A cut may go through a surrogate pair.
  return plain.length <= length ? plain : `${plain.slice(0, length - 1).toWellFormed()}…`;
}

/** Text as PostgreSQL can hold it, which refuses a NUL and half a surrogate pair. */
export function storable(text: string): string {
  return text.replaceAll('\0', escaped).toWellFormed();
}

/**
 * JSON that PostgreSQL can store, whatever strangers' names and texts are in it: one name that it refuses would fail the
 * statement that stores a thousand others with it.
 */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'string' ? storable(member) : member,
  );
}
