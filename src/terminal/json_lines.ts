/** JSON lines: one object a line, each with a `type`. */

/**
 * An event as a line without its line break: names in snake_case, as the columns of the tables are, and `…Ts` (µs
 * since 1970) as ISO 8601 in UTC. JSON escapes every control character by itself.
 */
export function eventLine(event: { readonly type: string }): string {
  return JSON.stringify(snake(event));
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
