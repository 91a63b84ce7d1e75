/**
 * The keys of a layout file, as its author writes them. What a value may be is said here; how the values fit each
 * other in `layout.ts`. The file's JSON schema is made of this one, so each key carries its description.
 */

import { z } from 'zod';
import { nearest } from '../../base/nearest.ts';
import { keyMeant } from './key_meant.ts';
import { zoneNamed } from './period.ts';

/** An object whose unknown keys are told with the nearest known one. */
function keyed<Shape extends z.ZodRawShape>(shape: Shape) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys, keys) : undefined),
  });
}

function unknownKeys(unknown: readonly string[], keys: readonly string[]): string {
  return unknown.map((key) => `there is no key ${key}; ${keyMeant(key, keys)}`).join('; ');
}

const names = z.union([
  z
    .string()
    .min(1)
    .transform((name) => [name]),
  z.array(z.string().min(1)).min(1),
]);

/** A column by its role, by role and header names, or (`close: Last Price`) by both in short. */
const column = z.union([
  z.string(),
  z.record(z.string(), z.union([z.string(), z.boolean(), z.array(z.string())])),
]);

const columns = z.union([z.array(column).min(2), z.record(z.string(), names)]);

const pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    const message = /\(\?P[<=]/.test(source)
      ? 'a named group is (?<name>…) here, not (?P<name>…)'
      : (error as Error).message;
    context.addIssue({ code: 'custom', message });
  }
});

const OFFSET_IN_QUOTES = "an offset stands in quotes, so that it is no number: '-05:00'";

/** An offset is written `±HH:MM` from here on: `-5`, `-0500` and `UTC-05:00` are one. */
function zoneName(name: string): string {
  const match = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/.exec(name);
  if (match === null) return name;
  const offset = `${match[1]}${match[2]!.padStart(2, '0')}:${match[3] ?? '00'}`;
  return offset.slice(1) === '00:00' ? 'UTC' : offset;
}

/** YAML takes `-5`, `-0500` and `+0530` for numbers, and does not tell the last two from other offsets. */
const zone = z
  .union([
    z.string(),
    z
      .int()
      .min(-14, { error: OFFSET_IN_QUOTES })
      .max(14, { error: OFFSET_IN_QUOTES })
      .transform((hours) => `${hours < 0 ? '' : '+'}${hours}`),
  ])
  .transform((written, context) => {
    const name = zoneName(written);
    try {
      zoneNamed(name);
    } catch {
      context.addIssue({
        code: 'custom',
        message: `${name} is no time zone, such as America/New_York, Etc/GMT+5 or -05:00${nearestZone(name)}`,
      });
    }
    return name;
  });

function nearestZone(name: string): string {
  const near = nearest(name, Intl.supportedValuesOf('timeZone'));
  return near === null ? '' : `; did you mean ${near}?`;
}

/** Where a value comes from. */
const origin = z.union([
  z.string().transform((constant) => ({ kind: 'constant' as const, value: constant })),
  keyed({ constant: z.string() }).transform(({ constant }) => ({
    kind: 'constant' as const,
    value: constant,
  })),
  keyed({ column: z.string() }).transform((given) => ({ kind: 'column' as const, ...given })),
  keyed({ group: z.string() }).transform(({ group }) => ({
    kind: 'name' as const,
    template: `{${group}}`,
    words: {} as Record<string, string>,
    bySymbol: [] as { readonly pattern: string; readonly value: string }[],
    otherwise: null as string | null,
  })),
  keyed({
    from: z
      .string()
      .describe(
        'Text with `{group}`, `{group:lower}` or `{group:upper}`; a group that did not match is empty.',
      ),
    words: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        'What the filled-in text stands for. With words, text that is none of them counts as missing.',
      ),
    symbols: z
      .array(keyed({ pattern, value: z.string() }))
      .optional()
      .describe('Where the name tells nothing: by the first symbol in the file.'),
    otherwise: z.string().optional(),
  }).transform(({ from, words, symbols, otherwise }) => ({
    kind: 'name' as const,
    template: from,
    words: words ?? {},
    bySymbol: symbols ?? [],
    otherwise: otherwise ?? null,
  })),
]);

const GRIDS = ['none', 'epoch', 'week', 'month', 'zone-day'] as const;

const encoding = z.string().superRefine((name, context) => {
  try {
    new TextDecoder(name);
  } catch {
    const near = nearest(name, ENCODINGS);
    const meant = near === null ? `such as ${ENCODINGS.join(', ')}` : `did you mean ${near}?`;
    context.addIssue({ code: 'custom', message: `${name} is no encoding; ${meant}` });
  }
});

const ENCODINGS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'windows-1252',
  'iso-8859-15',
  'shift_jis',
  'gbk',
  'big5',
];

const time = keyed({
  unit: z
    .enum(['s', 'ms', 'us', 'ns', 'magnitude', 'text', 'excel'])
    .optional()
    .describe(
      'Unit of the stamps. By default magnitude (read off the number of digits); text with a format.',
    ),
  format: names
    .optional()
    .describe('Pattern of text stamps in Unicode (LDML) letters, or a list of patterns.'),
  day: z
    .string()
    .optional()
    .describe(
      'The day of every stamp, where only the name tells it: text with `{group}`, read before a time_of_day.',
    ),
  zone: zone.optional().describe('IANA zone, or ±HH:MM, of stamps that name none. By default UTC.'),
  stamps: z.enum(['open', 'close']).default('open').describe('close: bars are stamped at their end.'),
});

/** A word for "no value": YAML makes a number of `0`, and null of `null` and `~`. */
const nullWord = z.union([z.string(), z.number().transform(String), z.null().transform(() => 'null')]);

const numbers = keyed({
  decimal: z.enum(['.', ',']).default('.'),
  thousands: z
    .enum(['.', ',', "'", ' ', '_'])
    .optional()
    .describe('What parts groups of three digits; a space stands for a no-break space too.'),
  suffixes: z.boolean().default(false).describe('59.40K, 1.2M, 3B.'),
  currency: z
    .string()
    .regex(/^[^\d\s.,+-]{1,4}$/, 'a sign such as $')
    .optional()
    .describe('A sign that may stand before numbers: $184.40.'),
  null: z
    .union([nullWord.transform((word) => [word]), z.array(nullWord)])
    .optional()
    .describe('Words for "no value".'),
  scale: z
    .number()
    .positive()
    .default(1)
    .describe('A power of ten that prices are multiples of, such as 1e-9.'),
});

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const hours = z.string().regex(/^\d\d?:\d\d *[-–] *\d\d?:\d\d$/, 'hours such as 09:30-16:00');

/** zod's type of the issue does not have what its record says of keys that are none of an enum. */
function noWeekday(issue: object): string | undefined {
  if (!('keys' in issue)) return undefined;
  return (issue.keys as string[])
    .map((key) => {
      const short = key.slice(0, 3).toLowerCase();
      const meant = WEEKDAYS.find((day) => day === short);
      return `there is no day ${key}; ${meant === undefined ? `there are ${WEEKDAYS.join(', ')}` : `did you mean ${meant}?`}`;
    })
    .join('; ');
}

const calendar = z.union([
  z.enum(['crypto', 'us-equities', 'forex', 'cme', 'none']),
  keyed({
    zone,
    week: z
      .partialRecord(z.enum(WEEKDAYS), z.union([hours, z.array(hours)]), { error: noWeekday })
      .describe('Hours of trading by the day of the week; 24:00 is its end.'),
    holidays: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Days without trading, YYYY-MM-DD, or a file of such lines.'),
  }),
]);

export const layoutSchema = keyed({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/i, 'a short name of letters, digits, - and _')
    .optional(),
  vendor: z.string().optional().describe('Whose files these are, for lists.'),
  example: z.string().optional().describe('A name as the vendor writes it, for error messages.'),
  paths: z
    .union([pattern.transform((one) => [one]), z.array(pattern)])
    .default([])
    .describe(
      'Regular expressions; a path that matches one is of this layout. Named groups tell what it holds.',
    ),
  maybe: z
    .union([pattern.transform((one) => [one]), z.array(pattern)])
    .default([])
    .describe(
      'Like paths, for names that files of others may have too: header and records must agree before one is of this layout.',
    ),
  note: z.string().optional().describe('Said once in a load that picks the layout by itself.'),
  context: z
    .array(pattern)
    .default([])
    .describe('Further groups, wherever in the path; those of paths and of earlier patterns win.'),
  encoding: encoding.default('utf-8').describe('Of the text; a byte order mark decides by itself.'),
  columns: columns.describe('Roles in the order of the file, or role: header name.'),
  extra: z
    .record(z.string(), z.enum(['float8', 'int8', 'numeric', 'text']))
    .default({})
    .describe('Further columns to keep, by name or header.'),
  kind: z
    .enum(['bars', 'trades'])
    .default('bars')
    .describe('trades: records with time, price and volume, which are made into bars of --intervals (1m).'),
  header: z.enum(['none', 'required', 'optional']).default('optional'),
  syntax: z
    .enum(['csv', 'json'])
    .default('csv')
    .describe('json: an array that holds an array of fields, or an object, for each record.'),
  delimiter: z
    .string()
    .transform((text) => (text === 'tab' || text === '\\t' ? '\t' : text))
    .refine((text) => /^[\t -~]$/.test(text) && !/[0-9A-Za-z"+.-]/.test(text), {
      message: 'one ASCII character that is no letter, digit, quote, sign or point',
    })
    .default(','),
  preamble: z.int().min(0).max(100).default(0).describe('Lines before the header that may be skipped.'),
  subheader: z
    .int()
    .min(0)
    .max(20)
    .default(0)
    .describe('Lines under the header that may be skipped: units, a second header.'),
  time: time.prefault({}),
  numbers: numbers.prefault({}),
  volume: z.enum(['required', 'optional', 'none']).optional(),
  prices: z.enum(['positive', 'any']).default('positive'),
  empty: z
    .enum(['skip', 'reject'])
    .default('skip')
    .describe('What becomes of a record whose prices are all null.'),
  calendar: calendar.optional().describe('When the market trades.'),
  venue: origin,
  symbol: origin.default({ kind: 'column', column: 'symbol' }),
  interval: origin.optional().describe('Of its bars. Trades need none: they are made into those asked for.'),
  intervals: z
    .record(z.string(), keyed({ seconds: z.int().positive(), grid: z.enum(GRIDS).optional() }))
    .default({})
    .describe('Words for intervals beyond 30s, 5m, 1h, 1d, 1w, 1mo.'),
  order: z.enum(['time', 'symbol-time', 'any']).default('any'),
  grid: z
    .enum(GRIDS)
    .optional()
    .describe('Where bars may open; by the interval and the session zone when not given.'),
  session: z
    .union([zone, keyed({ from: z.string(), words: z.record(z.string(), zone), otherwise: zone })])
    .optional()
    .describe('Zone whose midnight starts a session. By default the zone of textual stamps, else UTC.'),
  range: z
    .enum(['checked', 'planning'])
    .default('checked')
    .describe('Whether a stamp outside the period that the name tells is invalid.'),
  aliases: z
    .array(z.tuple([z.string().min(2), z.string().min(2)]))
    .default([])
    .describe('Spellings of one currency.'),
});

/** A layout as its author writes it. */
export type LayoutText = z.input<typeof layoutSchema>;

/** The same, read. */
export type LayoutKeys = z.output<typeof layoutSchema>;

/** Where a value comes from: a constant, the path (and else the first symbol), or a column. */
export type Origin = LayoutKeys['venue'];

/** When a market trades. */
export type LayoutCalendar = LayoutKeys['calendar'];
