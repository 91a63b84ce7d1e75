/**
 * A layout: how a vendor lays files out, as data. Those in `layouts/` and a user's YAML file go through one schema.
 * What a layout reads off a name it reads by regular expressions with named groups (`symbol`, `interval`, `year`,
 * `quarter`, `month`, `day`, or any other) over the path of the object, with `/` and with the entry's name behind a
 * zip's.
 */

import type { CalendarRule } from '../../base/calendar_rule.ts';
import type { NumberStyle, RecordShape, ShapeColumn } from '../../scan/shape.ts';
import { calendarRule } from './calendar_key.ts';
import { readColumns } from './column_roles.ts';
import { powerOfTen } from './key_checks.ts';
import type { LayoutKeys } from './schema.ts';

export type { LayoutText, Origin } from './schema.ts';

/** A layout, checked and ready. */
export interface Layout
  extends Omit<
    LayoutKeys,
    'name' | 'example' | 'columns' | 'paths' | 'maybe' | 'context' | 'calendar' | 'time'
  > {
  readonly name: string;
  readonly example: string;
  readonly paths: readonly RegExp[];
  readonly maybe: readonly RegExp[];
  readonly context: readonly RegExp[];
  readonly calendar: CalendarRule | undefined;
  readonly time: LayoutKeys['time'] & { readonly zone: string };
  /** The layout says the zone of stamps that name none; else they are taken for UTC's, which is an assumption. */
  readonly zoneIsSaid: boolean;
  /** The shape of its files; names with `{base}` in them stand for the currency a symbol starts with. */
  readonly shape: RecordShape;
}

/** The layout that keys which have been checked make. */
export function layoutOf(keys: LayoutKeys, defaultName: string): Layout {
  const { columns } = readColumns(keys);
  const { columns: _, paths, maybe, context, name, example, time, ...rest } = keys;
  return {
    ...rest,
    name: name ?? defaultName,
    example: example ?? 'a name its `paths` fit',
    paths: paths.map((one) => new RegExp(one, 'd')),
    maybe: maybe.map((one) => new RegExp(one, 'd')),
    context: context.map((one) => new RegExp(one, 'd')),
    calendar: calendarRule(keys.calendar),
    time: { ...time, zone: time.zone ?? 'UTC' },
    zoneIsSaid: time.zone !== undefined,
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
    ...(numbers.currency !== undefined && { currency: numbers.currency }),
    scale: powerOfTen(numbers.scale) ?? 0,
  };
  const isPlain =
    style.decimal === '.' &&
    style.thousands === null &&
    !style.suffixes &&
    style.currency === undefined &&
    style.scale === 0;
  const hasVolume = columns.some(({ role }) => role === 'volume');
  const mayLack = columns.some(({ role, optional }) => role === 'volume' && optional === true);
  const volumeKept = volume ?? (!hasVolume ? 'none' : mayLack ? 'optional' : 'required');
  return {
    ...(keys.kind === 'trades' && { kind: keys.kind }),
    delimiter: keys.delimiter,
    header: keys.header,
    preamble: keys.preamble,
    ...(keys.subheader > 0 && { subheader: keys.subheader }),
    columns,
    time: time.unit ?? (time.format === undefined ? 'magnitude' : 'text'),
    timeZone: time.zone ?? 'UTC',
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
