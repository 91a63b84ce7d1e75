/** JSON lines: one object a line, each with a `type`. */

/**
 * A value as JSON that is safe to print: JSON escapes C0 by itself, and leaves DEL, C1, line separators and the marks
 * that turn the direction of text as they are. Escaped they are the same value to whoever parses it.
 */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * An event as a line without its line break: names in snake_case, as the columns of the tables are, and `…Ts` (µs
 * since 1970) as ISO 8601 in UTC.
 */
export function eventLine(event: { readonly type: string }): string {
  return safeJson(snake(event));
}

function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const column = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    result[column] = name.endsWith('Ts') && typeof inner === 'number' ? isoInstant(inner) : snake(inner);
  }
  return result;
}

/** `2024-04-01T13:30:00.000000Z`. µs since 1970. */
export function isoInstant(us: number): string {
  const ms = Math.floor(us / 1000);
  const rest = String(us - ms * 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${rest}Z`;
}
