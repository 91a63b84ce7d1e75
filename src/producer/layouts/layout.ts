import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CalendarRule } from '../../base/calendar_rule.ts';
import { nearest } from '../../base/nearest.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { fileError } from '../../faults/file_fault.ts';
import type { NumberStyle, RecordShape, ShapeColumn } from '../../scan/shape.ts';
import { calendarRule, calendarSlips, withHolidays } from './calendar_key.ts';
import { columnSlips, readColumns } from './column_roles.ts';
import { keySlips, powerOfTen } from './key_checks.ts';
import { layoutError, slipsOf } from './layout_error.ts';
import { type LayoutKeys, layoutSchema } from './schema.ts';

export type { LayoutText, Origin } from './schema.ts';

/**
 * A layout: how a vendor lays files out, as data. Those in `layouts/` and a user's YAML file go through one schema.
 * What a layout reads off a name it reads by regular expressions with named groups (`symbol`, `interval`, `year`,
 * `quarter`, `month`, `day`, or any other) over the path of the object, with `/` and with the entry's name behind a
 * zip's.
 */

/** A layout, checked and ready. */
export interface Layout
  extends Omit<LayoutKeys, 'name' | 'example' | 'columns' | 'paths' | 'maybe' | 'context' | 'calendar'> {
  readonly name: string;
  readonly example: string;
  readonly paths: readonly RegExp[];
  readonly maybe: readonly RegExp[];
  readonly context: readonly RegExp[];
  readonly calendar: CalendarRule | undefined;
  /** The shape of its files; names with `{base}` in them stand for the currency a symbol starts with. */
  readonly shape: RecordShape;
}

/**
 * Checks a layout; `source` names the file.
 * @throws BackhaulError `usage`, saying where
 */
export function checkLayout(text: unknown, source: string, defaultName: string): Layout {
  return layoutOf(checkKeys(text, source), defaultName);
}

/**
 * The keys of a layout, with the defaults of those that are left out.
 * @throws BackhaulError `usage`, saying where
 */
export function checkKeys(text: unknown, source: string): LayoutKeys {
  const result = layoutSchema.safeParse(text);
  if (!result.success) throw layoutError(source, slipsOf(result.error.issues, text));
  const keys = result.data;
  const { columns, slips } = readColumns(keys);
  const wrong =
    slips.length > 0
      ? slips
      : [...columnSlips(columns, keys), ...keySlips(keys, columns), ...calendarSlips(keys.calendar)];
  if (wrong.length > 0) throw layoutError(source, wrong);
  return keys;
}

/** The layout that keys which have been checked make. */
export function layoutOf(keys: LayoutKeys, defaultName: string): Layout {
  const { columns } = readColumns(keys);
  const { columns: _, paths, maybe, context, name, example, ...rest } = keys;
  return {
    ...rest,
    name: name ?? defaultName,
    example: example ?? 'a name its `paths` fit',
    paths: paths.map((one) => new RegExp(one, 'd')),
    maybe: maybe.map((one) => new RegExp(one, 'd')),
    context: context.map((one) => new RegExp(one, 'd')),
    calendar: calendarRule(keys.calendar),
    shape: shapeOf(keys, columns),
  };
}

/** What the scanner must know. A key that is as it is by default leaves no trace: what is loaded by it stays loaded. */
function shapeOf(keys: LayoutKeys, columns: readonly ShapeColumn[]): RecordShape {
  const { time, numbers, encoding, volume, prices, empty } = keys;
  const style: NumberStyle = {
    decimal: numbers.decimal,
    thousands: numbers.thousands ?? null,
    suffixes: numbers.suffixes,
    scale: powerOfTen(numbers.scale) ?? 0,
  };
  const isPlain = style.decimal === '.' && style.thousands === null && !style.suffixes && style.scale === 0;
  const hasVolume = columns.some(({ role }) => role === 'volume');
  const volumeKept = volume ?? (hasVolume ? 'required' : 'none');
  return {
    ...(keys.kind === 'trades' && { kind: keys.kind }),
    delimiter: keys.delimiter,
    header: keys.header,
    preamble: keys.preamble,
    ...(keys.subheader > 0 && { subheader: keys.subheader }),
    columns,
    time: time.unit ?? (time.format === undefined ? 'magnitude' : 'text'),
    timeZone: time.zone,
    ...(time.format !== undefined && { formats: time.format }),
    ...(keys.syntax === 'json' && { syntax: keys.syntax }),
    ...(time.stamps === 'close' && { stamps: 'close' }),
    ...(!/^utf-?8$/i.test(encoding) && { encoding }),
    ...(!isPlain && { numbers: style }),
    ...(numbers.null !== undefined && { nulls: numbers.null }),
    ...(volumeKept !== 'required' && { volume: volumeKept }),
    ...(prices === 'any' && { prices }),
    ...(empty === 'reject' && { empty }),
  };
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
    // Keys as they are written: `null:` is a key of numbers.
    text = parse(await readFile(spec, 'utf8'), { stringKeys: true });
  } catch (error) {
    if (error instanceof YAMLError) {
      throw new BackhaulError({ kind: 'usage', message: `the layout ${spec} is no YAML: ${error.message}` });
    }
    const { fault } = fileError(error, spec);
    const message = `the layout ${spec} cannot be read: ${fault.message}`;
    throw new BackhaulError({ ...fault, kind: 'usage', message }, { cause: error });
  }
  return checkLayout(await withHolidays(text, spec), spec, basename(spec).replace(/\.ya?ml$/i, ''));
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
