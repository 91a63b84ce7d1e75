import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { nearest } from '../../base/nearest.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { fileError } from '../../faults/file_fault.ts';
import type { RecordShape, ShapeColumn } from '../../scan/shape.ts';
import { zoneNamed } from './period.ts';

/**
 * A layout: how a vendor lays files out, as data. Those in `layouts/` and a user's YAML file go through one schema.
 * What a layout reads off a name it reads by regular expressions with named groups (`symbol`, `interval`, `year`,
 * `quarter`, `month`, `day`, or any other) over the path of the object, with `/` and with the entry's name behind a
 * zip's.
 */

const ROLES = ['time', 'symbol', 'open', 'high', 'low', 'close', 'volume', 'trades', 'ignore'] as const;

const names = z.union([
  z
    .string()
    .min(1)
    .transform((name) => [name]),
  z.array(z.string().min(1)).min(1),
]);

const column = z.union([
  z.enum(ROLES).transform((role) => ({ role, names: [role as string], optional: role === 'trades' })),
  z
    .strictObject({ role: z.enum(ROLES), names: names.optional(), optional: z.boolean().optional() })
    .transform((given) => ({
      role: given.role,
      names: given.names ?? [given.role as string],
      optional: given.optional ?? false,
    })),
]);

/** In order, or (for files with a header) as `role: name`. */
const columns = z.union([
  z.array(column).min(2),
  z.partialRecord(z.enum(ROLES), names).transform((map) =>
    ROLES.filter((role) => map[role] !== undefined).map((role) => ({
      role,
      names: map[role]!,
      optional: role === 'trades',
    })),
  ),
]);

const pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const zone = z.string().superRefine((name, context) => {
  try {
    zoneNamed(name);
  } catch {
    context.addIssue({ code: 'custom', message: `${name} is no IANA time zone, such as America/New_York` });
  }
});

/** Where a value comes from. */
const origin = z.union([
  z.string().transform((constant) => ({ kind: 'constant' as const, value: constant })),
  z
    .strictObject({ constant: z.string() })
    .transform(({ constant }) => ({ kind: 'constant' as const, value: constant })),
  z.strictObject({ column: z.string() }).transform((given) => ({ kind: 'column' as const, ...given })),
  z.strictObject({ group: z.string() }).transform(({ group }) => ({
    kind: 'name' as const,
    template: `{${group}}`,
    words: {} as Record<string, string>,
    bySymbol: [] as { readonly pattern: string; readonly value: string }[],
    otherwise: null as string | null,
  })),
  z
    .strictObject({
      /** Text with `{group}` or `{group:lower}`; a group that did not match is empty. */
      from: z.string(),
      /** What the filled-in text stands for. With words, text that is none of them counts as missing. */
      words: z.record(z.string(), z.string()).optional(),
      /** Where the name tells nothing: by the first symbol in the file. */
      symbols: z.array(z.strictObject({ pattern, value: z.string() })).optional(),
      otherwise: z.string().optional(),
    })
    .transform(({ from, words, symbols, otherwise }) => ({
      kind: 'name' as const,
      template: from,
      words: words ?? {},
      bySymbol: symbols ?? [],
      otherwise: otherwise ?? null,
    })),
]);

const GRIDS = ['none', 'epoch', 'week', 'month', 'zone-day'] as const;

const layoutSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/i, 'a short name of letters, digits, - and _')
    .optional(),
  /** A name as the vendor writes it, for error messages. */
  example: z.string().optional(),
  /** A path that matches one of these is of this layout. */
  paths: z.union([pattern.transform((one) => [one]), z.array(pattern)]).default([]),
  /** Further groups, wherever in the path; those of `paths` and of earlier patterns win. */
  context: z.array(pattern).default([]),
  columns,
  header: z.enum(['none', 'required', 'optional']).default('optional'),
  delimiter: z
    .string()
    .regex(/^[\t -~]$/, 'one ASCII character')
    .default(','),
  /** Lines before the header that may be skipped. */
  preamble: z.int().min(0).max(100).default(0),
  time: z
    .strictObject({
      unit: z.enum(['s', 'ms', 'us', 'ns', 'magnitude', 'text']).default('magnitude'),
      zone: zone.default('UTC'),
    })
    .prefault({}),
  venue: origin,
  symbol: origin.default({ kind: 'column', column: 'symbol' }),
  interval: origin,
  /** Words for intervals beyond `30s`, `5m`, `1h`, `1d`, `1w`, `1mo`. */
  intervals: z
    .record(z.string(), z.strictObject({ seconds: z.int().positive(), grid: z.enum(GRIDS).optional() }))
    .default({}),
  order: z.enum(['time', 'symbol-time', 'any']).default('any'),
  /** Where bars may open; by the interval and the session's zone when not given. */
  grid: z.enum(GRIDS).optional(),
  /** Zone whose midnight starts a session; `{venue}` may be used. By default the zone of textual stamps, else UTC. */
  session: z
    .union([zone, z.strictObject({ from: z.string(), words: z.record(z.string(), zone), otherwise: zone })])
    .optional(),
  /** Whether a stamp outside the period that the name tells is invalid. The group `full`: from the beginning. */
  range: z.enum(['checked', 'planning']).default('checked'),
  /** Spellings of one currency. */
  aliases: z.array(z.tuple([z.string().min(2), z.string().min(2)])).default([]),
});

/** A layout as its author writes it. */
export type LayoutText = z.input<typeof layoutSchema>;

type Parsed = z.output<typeof layoutSchema>;

/** Where a value comes from: a constant, the path (and else the first symbol), or a column. */
export type Origin = Parsed['venue'];

/** A layout, checked and ready. */
export interface Layout extends Omit<Parsed, 'name' | 'example' | 'columns' | 'paths' | 'context'> {
  readonly name: string;
  readonly example: string;
  readonly paths: readonly RegExp[];
  readonly context: readonly RegExp[];
  /** The shape of its files; names with `{base}` in them stand for the currency a symbol starts with. */
  readonly shape: RecordShape;
}

/** Checks a layout. Fails with `usage`, saying where; `source` names the file. */
export function checkLayout(text: unknown, source: string, defaultName: string): Layout {
  const result = layoutSchema.safeParse(text);
  if (!result.success) throw layoutError(source, result.error.issues);
  const { columns: given, paths, context, name, example, ...rest } = result.data;
  const missing = missingRoles(
    given.map(({ role }) => role),
    rest.symbol.kind === 'column',
  );
  if (missing.length > 0) {
    throw layoutError(source, [{ path: ['columns'], message: `no column for ${missing.join(', ')}` }]);
  }
  const shape: RecordShape = {
    delimiter: rest.delimiter,
    header: rest.header,
    preamble: rest.preamble,
    columns: given.map(({ role, names, optional }): ShapeColumn => {
      return optional ? { role, names, optional } : { role, names };
    }),
    time: rest.time.unit,
    timeZone: rest.time.zone,
  };
  return {
    ...rest,
    name: name ?? defaultName,
    example: example ?? 'a name its `paths` fit',
    paths: paths.map((one) => new RegExp(one)),
    context: context.map((one) => new RegExp(one)),
    shape,
  };
}

function missingRoles(roles: readonly string[], symbolIsColumn: boolean): string[] {
  const required = ['time', 'open', 'high', 'low', 'close', 'volume', ...(symbolIsColumn ? ['symbol'] : [])];
  return required.filter((role) => !roles.includes(role));
}

function layoutError(
  source: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): BackhaulError {
  const said = issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  return new BackhaulError({
    kind: 'usage',
    message: `the layout ${source} is not valid: ${said.join('; ')}`,
  });
}

/**
 * The layout `spec` names: one of `known`, or a YAML file. Fails with `usage` when it is neither, or the file is no
 * valid layout.
 */
export async function loadLayout(spec: string, known: readonly Layout[]): Promise<Layout> {
  const layout = known.find(({ name }) => name === spec);
  if (layout !== undefined) return layout;
  if (!/\.ya?ml$|[/\\]/i.test(spec)) throw unknownLayout(spec, known);
  const { parse, YAMLError } = await import('yaml');
  let text: unknown;
  try {
    text = parse(await readFile(spec, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLError) {
      throw new BackhaulError({ kind: 'usage', message: `the layout ${spec} is no YAML: ${error.message}` });
    }
    const { fault } = fileError(error, spec);
    const message = `the layout ${spec} cannot be read: ${fault.message}`;
    throw new BackhaulError({ ...fault, kind: 'usage', message }, { cause: error });
  }
  return checkLayout(text, spec, basename(spec).replace(/\.ya?ml$/i, ''));
}

function unknownLayout(spec: string, known: readonly Layout[]): BackhaulError {
  const choices = ['auto', ...known.map(({ name }) => name)];
  const near = nearest(spec, choices);
  return new BackhaulError({
    kind: 'usage',
    message: `unknown layout: ${spec}`,
    expected: `${choices.join(', ')} or the path of a YAML file`,
    ...(near === null ? {} : { hint: `Did you mean ${near}?` }),
  });
}
