/**
 * JSON that PostgreSQL can store, whatever strangers' names and texts are in it: jsonb refuses a NUL and half a surrogate
 * pair, and one such name would fail the statement that stores a thousand others with it.
 */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'string' ? member.replaceAll('\0', '\\x00').toWellFormed() : member,
  );
}
