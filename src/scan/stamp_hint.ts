/** What to say of a stamp that a layout cannot read. */

import { unitOfMagnitude } from './numeric_stamp.ts';
import type { RecordShape, TimeUnit } from './shape.ts';
import { patternsFor, stampForm } from './stamp_catalogue.ts';
import { StampPattern } from './stamp_pattern.ts';

const UNITS: Readonly<Record<Exclude<TimeUnit, 'text'>, string>> = {
  s: 'seconds since 1970',
  ms: 'milliseconds since 1970',
  us: 'microseconds since 1970',
  ns: 'nanoseconds since 1970',
  magnitude: 'a number of seconds, milliseconds, microseconds or nanoseconds since 1970, or a date',
  excel: 'days since 1899-12-30',
};

/** What the layout expects of a stamp. */
export function expectedStamp({ time, formats }: Pick<RecordShape, 'time' | 'formats'>): string {
  if (formats !== undefined) return `a stamp as ${formats.join(' or ')}`;
  return time === 'text' ? 'a date, or a date and a time of day' : UNITS[time];
}

/** What in a layout would read the text: a unit, or the nearest patterns; of one that lacks but the offset its zone. */
export function stampHint(text: string, { formats }: Pick<RecordShape, 'formats'> = {}): string {
  const trimmed = text.trim();
  const bare = formats?.map((format) => format.replace(/ ?[XxZz]+$/, ''));
  const bytes = new TextEncoder().encode(trimmed);
  const local = bare?.find(
    (format, i) => format !== formats?.[i] && new StampPattern(format).read(bytes, 0, bytes.length),
  );
  if (local !== undefined) {
    return `It names no offset from UTC, so nothing tells the zone: a copy of the layout with \`time: { format: '${local}', zone: Europe/Zurich }\` says it.`;
  }
  const digits = /^\d{9,19}$/.test(trimmed) ? unitOfMagnitude(trimmed.length) : null;
  const found = patternsFor(trimmed);
  if (found[0] !== undefined && stampForm(found[0]).isOfMonth)
    return `It names a month: only bars of months are stamped so. In the layout \`interval: 1mo\` and \`time: { format: '${found[0]}' }\` read it.`;
  const patterns = found.map((pattern) => `format: '${pattern}'`);
  if (patterns[0]?.includes('[')) return 'In the layout `time: { unit: text }` reads it.';
  const ways = [...patterns, ...(digits === null ? [] : [`unit: ${digits}`])];
  if (ways.length === 0)
    return 'No common pattern fits it: is this the column of time? Patterns are described in docs/layouts.md.';
  return `In the layout ${ways.map((way) => `\`time: { ${way} }\``).join(' or ')} reads it.`;
}
