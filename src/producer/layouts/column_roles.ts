/** The key `columns`: which field is what. */

import { nearest } from '../../base/nearest.ts';
import { namesOfRole, normaliseName } from '../../scan/header.ts';
import type { ExtraColumn, Role, ShapeColumn } from '../../scan/shape.ts';
import { extraColumnName } from '../../state/schema/extra_columns.ts';
import { keyMeant } from './key_meant.ts';
import type { Slip } from './layout_error.ts';
import type { LayoutKeys, Origin } from './schema.ts';

/** Roles a layout may name. */
const ROLES: readonly Role[] = [
  'time',
  'date',
  'time_of_day',
  'symbol',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'trades',
  'price',
  'side',
  'id',
  'first_id',
  'last_id',
  'ignore',
];

/** What `columns` and `extra` say. */
export interface ColumnsRead {
  readonly columns: readonly ShapeColumn[];
  readonly slips: readonly Slip[];
}

/** Reads `columns`, and `extra` with it. */
export function readColumns({
  columns,
  extra,
  header,
  symbol,
  venue,
  interval,
}: Pick<LayoutKeys, 'columns' | 'extra' | 'header' | 'symbol' | 'venue' | 'interval'>): ColumnsRead {
  const slips: Slip[] = [];
  const kept = new Set<string>();
  const isList = Array.isArray(columns);
  /** A role, or an extra column's name; null for neither. */
  const roleOf = (word: string, path: readonly PropertyKey[]): Role | null => {
    const isRole = (ROLES as readonly string[]).includes(word);
    // `close: Adj Close` beside a further column that the header calls close.
    if (Object.hasOwn(extra, word) && !(isRole && !isList)) return 'extra';
    if (isRole) return word as Role;
    // A column by its name, which the symbol, the venue or the interval is read off.
    if (isColumn(symbol, word)) return 'symbol';
    if (isColumn(venue, word) || isColumn(interval, word)) return 'ignore';
    slips.push({ path, message: noRole(word) });
    return null;
  };
  const shaped = (
    role: Role,
    word: string,
    names: readonly string[],
    optional: boolean,
    mustBe: boolean,
  ): ShapeColumn => {
    // A column that is listed to be ignored under the name of one to keep is kept.
    const name =
      role === 'extra' ? word : names.find((one) => role === 'ignore' && Object.hasOwn(extra, one));
    if (name === undefined) {
      if (role === 'ignore' && mustBe) return { role, names, required: true };
      return optional ? { role, names, optional } : { role, names };
    }
    kept.add(name);
    const column: ExtraColumn = { name: columnOf(name), type: extra[name]! };
    return { role: 'extra', names, extra: column };
  };
  const columnOf = (name: string): string => extraColumnName(normaliseName(name)) ?? '';
  const owners = new Map<string, string>();
  for (const name of Object.keys(extra)) {
    const column = columnOf(name);
    const owner = owners.get(column);
    if (column === '') slips.push({ path: ['extra', name], message: 'no column can have that name' });
    else if (owner !== undefined)
      slips.push({ path: ['extra', name], message: `would be the column ${column}, as ${owner} is` });
    owners.set(column, name);
  }
  const read: ShapeColumn[] = [];
  const entries = isList ? columns.map(listed) : Object.entries(columns).map(mapped);
  for (const [i, given] of entries.entries()) {
    const path = isList ? ['columns', i] : ['columns', given.word];
    if (given.slip !== null) {
      slips.push({ path, message: given.slip });
      continue;
    }
    const role = roleOf(given.word, path);
    if (role === null) continue;
    if (given.only !== undefined) {
      const names = given.names ?? [];
      read.push({ role: 'key', names, required: true, value: given.only, leavesOut: true });
      continue;
    }
    const isNamed = role === given.word && role !== 'extra';
    const names = given.names ?? (isNamed ? namesOfRole(role) : [given.word]);
    read.push(shaped(role, given.word, names, given.optional ?? role === 'trades', given.optional === false));
  }
  // With a header, a column to keep need not be listed.
  for (const [name, type] of Object.entries(extra)) {
    if (kept.has(name)) continue;
    if (header === 'none')
      slips.push({ path: ['extra', name], message: 'is none of columns, which without a header list all' });
    read.push({ role: 'extra', names: [name], extra: { name: columnOf(name), type } });
  }
  return { columns: isList || header === 'none' ? read : inRoleOrder(read), slips };
}

function isColumn(origin: Origin | undefined, word: string): boolean {
  return origin?.kind === 'column' && normaliseName(origin.column) === normaliseName(word);
}

interface Given {
  readonly word: string;
  readonly names: readonly string[] | null;
  readonly optional: boolean | null;
  /** What the column must hold for a record to count. */
  readonly only?: string;
  readonly slip: string | null;
}

type ListItem = Extract<LayoutKeys['columns'], readonly unknown[]>[number];

function listed(item: ListItem): Given {
  if (typeof item === 'string') return { word: item, names: null, optional: null, slip: null };
  const keys = Object.keys(item);
  const slip = (text: string): Given => ({ word: '', names: null, optional: null, slip: text });
  if (!('role' in item)) {
    const [word, names] = Object.entries(item)[0] ?? ['', ''];
    if (keys.length === 1 && typeof names !== 'boolean' && (ROLES as readonly string[]).includes(word))
      return { word, names: listOf(names), optional: null, slip: null };
    return slip(`there is no column ${keys.join(', ')}; ${meantByKey(word)}`);
  }
  const { role, names, optional, only, ...rest } = item;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    return slip(`there is no key ${unknown}; ${keyMeant(unknown, ['role', 'names', 'optional', 'only'])}`);
  if (typeof role !== 'string') return slip('role is one word');
  if (typeof names === 'boolean') return slip('names is a header name, or a list of them');
  if (optional !== undefined && typeof optional !== 'boolean') return slip('optional is true or false');
  if (only !== undefined && (typeof only !== 'string' || role !== 'ignore'))
    return slip('only is what an ignored column holds, in quotes, in the records that count');
  return {
    word: role,
    names: names === undefined ? null : listOf(names),
    optional: optional ?? (role === 'ignore' ? null : false),
    ...(only !== undefined && { only: only as string }),
    slip: null,
  };
}

function mapped([word, names]: [string, readonly string[]]): Given {
  return { word, names, optional: null, slip: null };
}

function listOf(names: string | readonly string[]): readonly string[] {
  return typeof names === 'string' ? [names] : names;
}

/** Under a header a map has no order that means anything: columns of one layout are always in the same. */
function inRoleOrder(columns: readonly ShapeColumn[]): ShapeColumn[] {
  const place = ({ role }: ShapeColumn): number => {
    const at = ROLES.indexOf(role);
    return at < 0 ? ROLES.length : at;
  };
  return [...columns].sort((a, b) => place(a) - place(b));
}

function noRole(word: string): string {
  const near = nearest(word, ROLES);
  const meant =
    near === null ? `there are ${ROLES.join(', ')}, and the names of extra` : `did you mean ${near}?`;
  return `${word} is no role; ${meant}`;
}

function meantByKey(word: string): string {
  const near = nearest(word, ROLES);
  if (near !== null) return `did you mean ${near}?`;
  const elsewhere = keyMeant(word, []);
  return elsewhere.includes('belongs') ? elsewhere : 'a column is a role, or { role: …, names: … }';
}

/** What the columns lack for a file of bars or trades, and what does not go together. */
export function columnSlips(
  columns: readonly ShapeColumn[],
  { kind, header, symbol, volume, time }: Pick<LayoutKeys, 'kind' | 'header' | 'symbol' | 'volume' | 'time'>,
): Slip[] {
  const roles = columns.map(({ role }) => role);
  const has = (role: Role): boolean => roles.includes(role);
  const slip = (message: string): Slip[] => [{ path: ['columns'], message }];
  if (!has('time') && has('date') && !has('time_of_day'))
    return slip('date is a day beside a time_of_day; a column that holds the whole stamp is time');
  const isDayNamed = time.day !== undefined && has('time_of_day');
  if (isDayNamed && (has('date') || has('time')))
    return [{ path: ['time', 'day'], message: 'goes with a column time_of_day alone' }];
  if (!has('time') && has('time_of_day') && !has('date') && !isDayNamed)
    return slip('time_of_day needs the column date beside it; a column that holds the whole stamp is time');
  const needed: Role[] = kind === 'bars' ? ['open', 'high', 'low', 'close'] : ['price', 'volume'];
  if (kind === 'bars' && volume === 'required') needed.push('volume');
  if (symbol.kind === 'column') needed.push('symbol');
  const missing = needed.filter((role) => !has(role));
  if (!has('time') && !has('date') && !isDayNamed) missing.unshift('time');
  if (missing.length > 0) return slip(`no column for ${missing.join(', ')}`);
  const twice = roles.find((role, i) => role !== 'ignore' && role !== 'extra' && roles.indexOf(role) !== i);
  if (header === 'none' && twice !== undefined) return slip(`two columns are ${twice}`);
  return [];
}
