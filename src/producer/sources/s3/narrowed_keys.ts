/**
 * The keys below a prefix that may hold what a load asks for, in as few requests as the tree allows.
 *
 * Trees known by their folder names (Massive's `…_aggs_v1/YYYY/MM/YYYY-MM-DD.csv.gz`, Binance's
 * `klines/SYMBOL/interval/SYMBOL-interval-YYYY-MM[-DD].zip`) are one range of keys: S3 starts at the first
 * (`start-after`), and reading stops behind the last. In other trees by date, whose files agree with their folders,
 * days that are not wanted are leapt over. Everything else is listed whole. What comes out holds all that is wanted and may hold more: the planner looks at each name.
 */

import type { ListedKey } from './list_answer.ts';
import {
  type DateTemplate,
  type DayRange,
  firstDayPast,
  keyOfDay,
  leapsOf,
  looksDated,
  templateOf,
} from './path_dates.ts';
import type { ListPages } from './s3_pages.ts';
import { CHECKSUM_LIST } from './sums_first.ts';

export interface Wanted {
  /** Null: all. */
  readonly days: DayRange | null;
  /** Spellings of the symbols asked for, upper case; null: all. */
  readonly symbols: readonly string[] | null;
}

/** Below this many folders each is looked into by itself; above, listing all keys is fewer requests. */
const FEW_FOLDERS = 32;
/** Keys that show what a folder is like. */
const SAMPLE_KEYS = 20;
/** Symbols asked for one by one; for more the folders are listed. */
const FEW_SYMBOLS = 16;

const MASSIVE = /^(?:.*\/)?(?:second|minute|day|session)_aggs_v1\//;
/** A futures session that begins on a Thursday evening before a holiday is in the file of the Monday after. */
const SESSION_DAYS = 3;
const MASSIVE_TEMPLATE: DateTemplate = { text: '{Y}/{M}/{Y}-{M}-{D}', unit: 'day' };
/** Binance's folder of symbols, one symbol's of intervals, one interval's of files. */
const BINANCE = /(?:^|\/)(daily|monthly)\/[A-Za-z]*[kK]lines\/(?:([^/]+)\/(?:([^/]+)\/)?)?$/;

/** Every key below the folder `prefix` (empty, or ending in `/`) that may hold what is wanted. */
export async function* narrowedKeys(pages: ListPages, prefix: string, wanted: Wanted): Keys {
  if (wanted.days === null && wanted.symbols === null) return yield* allKeys(pages, prefix);
  const massive = MASSIVE.exec(prefix);
  if (massive !== null) {
    if (wanted.days === null) return yield* allKeys(pages, prefix);
    const { fromDay, toDay } = wanted.days;
    const last = massive[0].includes('us_futures_') ? toDay + SESSION_DAYS : toDay;
    return yield* keysOfDays(pages, massive[0], prefix, MASSIVE_TEMPLATE, { fromDay, toDay: last });
  }
  const binance = BINANCE.exec(prefix);
  if (binance !== null) return yield* binanceKeys(pages, prefix, binance, wanted);
  yield* unknownTree(pages, prefix, wanted);
}

type Keys = AsyncGenerator<ListedKey, void, void>;

/** Everything, the next page asked for while one is read. */
export async function* allKeys(pages: ListPages, prefix: string): Keys {
  for await (const page of pages({ prefix, ahead: true })) yield* page.keys;
}

async function* binanceKeys(
  pages: ListPages,
  prefix: string,
  [, period, symbol, interval]: RegExpExecArray,
  wanted: Wanted,
): Keys {
  const daily = period === 'daily';
  if (symbol === undefined) {
    if (wanted.symbols === null || wanted.symbols.length > FEW_SYMBOLS)
      return yield* level(pages, prefix, wanted);
    for (const name of wanted.symbols) yield* narrowedKeys(pages, `${prefix}${name}/`, wanted);
  } else if (wanted.days === null || (interval === undefined && !daily)) {
    // 16 intervals of 120 monthly files are fewer pages than folders.
    yield* allKeys(pages, prefix);
  } else if (interval === undefined) {
    yield* level(pages, prefix, wanted);
  } else {
    const text = `${symbol}-${interval}-{Y}-{M}${daily ? '-{D}' : ''}`;
    yield* keysOfDays(pages, prefix, prefix, { text, unit: daily ? 'day' : 'month' }, wanted.days);
  }
}

/**
 * The keys of a tree whose first files follow `template`, without those whose date it gives outside the days.
 *
 * A range of keys would not do: a folder may hold files of several symbols one after another, or some that lie
 * another way. So the listing starts at the top, leaps over each stretch of days that are not wanted (a request
 * each, at most six), and leaves out nothing that does not follow the template.
 */
async function* keysOfOwnTree(pages: ListPages, top: string, template: DateTemplate, days: DayRange): Keys {
  const leapOver = leapsOf(top, template, days);
  let past = '';
  // A folder's list of checksums comes before its files, and once more in its own place.
  const lists = new Set<string>();
  for (let more = true; more; ) {
    more = false;
    for await (const page of pages({ prefix: top, ...(past === '' ? {} : { after: past }) })) {
      for (const key of page.keys) {
        const next = leapOver(key.key);
        if (next !== null) past = next;
        else if (isList(key.key) ? !lists.has(key.key) : key.key >= past) yield key;
        if (isList(key.key)) lists.add(key.key);
      }
      more = page.next !== null && (page.keys.at(-1)?.key ?? '') < past;
      if (more) break;
    }
  }
}

/** The keys below `prefix` whose place in the tree at `top` is that of one of the days. */
async function* keysOfDays(
  pages: ListPages,
  top: string,
  prefix: string,
  template: DateTemplate,
  { fromDay, toDay }: DayRange,
): Keys {
  const after = Number.isFinite(fromDay) ? { after: keyOfDay(top, template, fromDay) } : {};
  const past = Number.isFinite(toDay) ? keyOfDay(top, template, firstDayPast(template, toDay)) : null;
  for await (const page of pages({ prefix, ...after, noLists: true })) {
    for (const key of page.keys) {
      // What lies between the dated files (a README) does not end the range.
      if (past !== null && key.key >= past && followsTemplate(key.key, top, template)) return;
      yield key;
    }
  }
}

function isList(key: string): boolean {
  return key.startsWith(CHECKSUM_LIST, key.lastIndexOf('/') + 1);
}

function followsTemplate(key: string, top: string, { text }: DateTemplate): boolean {
  const escaped = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  const pattern = escaped.replaceAll('{Y}', '\\d{4}').replaceAll('{M}', '\\d\\d').replaceAll('{D}', '\\d\\d');
  return new RegExp(`^${pattern}`).test(key.slice(top.length));
}

/** One page that holds everything settles it; else the folders are looked at. */
async function* unknownTree(pages: ListPages, prefix: string, wanted: Wanted): Keys {
  for await (const page of pages({ prefix })) {
    if (page.next !== null) break;
    return yield* page.keys;
  }
  yield* level(pages, prefix, wanted);
}

/** The files directly in a folder, then what is in its folders. */
async function* level(pages: ListPages, prefix: string, wanted: Wanted): Keys {
  let folders: string[] = [];
  for await (const page of pages({ prefix, level: true })) {
    yield* page.keys;
    folders.push(...page.folders);
  }
  if (wanted.days !== null) {
    const dated = folders.filter((folder) => looksDated(folder.slice(prefix.length)));
    const template = await sharedTemplate(pages, prefix, dated, wanted.days);
    if (template !== null) {
      yield* keysInFolders(keysOfOwnTree(pages, prefix, template, wanted.days), prefix, dated);
      folders = folders.filter((folder) => !dated.includes(folder));
    }
  }
  if (wanted.symbols !== null) folders = await withoutOtherSymbols(pages, prefix, folders, wanted.symbols);
  if (folders.length <= FEW_FOLDERS || BINANCE.test(prefix)) {
    for (const folder of folders) yield* narrowedKeys(pages, folder, wanted);
  } else {
    yield* keysInFolders(allKeys(pages, prefix), prefix, folders);
  }
}

async function* keysInFolders(keys: Keys, prefix: string, folders: readonly string[]): Keys {
  const kept = new Set(folders);
  for await (const key of keys) {
    if (kept.has(key.key.slice(0, key.key.indexOf('/', prefix.length) + 1))) yield key;
  }
}

/** The template that keys at both ends of the wanted days follow, or null. */
async function sharedTemplate(
  pages: ListPages,
  prefix: string,
  dated: readonly string[],
  { fromDay, toDay }: DayRange,
): Promise<DateTemplate | null> {
  const wanted = dated.filter((folder) => {
    const year = Number(/(\d{4})[-\d]*\/$/.exec(folder)?.[1]);
    return yearOf(fromDay) <= year && year <= yearOf(toDay);
  });
  const ends = new Set([wanted[0] ?? dated[0], wanted.at(-1) ?? dated[0]]);
  let template: DateTemplate | null = null;
  for (const folder of ends) {
    if (folder === undefined) return null;
    const found = templateOf((await sample(pages, folder)).map((key) => key.slice(prefix.length)));
    if (found === null || (template !== null && template.text !== found.text)) return null;
    template = found;
  }
  return template;
}

function yearOf(day: number): number {
  return Number.isFinite(day) ? new Date(day * 86_400_000).getUTCFullYear() : day;
}

/**
 * Folders named as symbols are left out where other symbols are wanted, if it is seen that the files in them bear
 * the same name (`ETHUSD/ETHUSD_60.csv`).
 */
async function withoutOtherSymbols(
  pages: ListPages,
  prefix: string,
  folders: readonly string[],
  symbols: readonly string[],
): Promise<string[]> {
  const wanted = new Set(symbols);
  const nameOf = (folder: string) => folder.slice(prefix.length, -1);
  if (!folders.some((folder) => wanted.has(nameOf(folder)))) return [...folders];
  const others = folders.filter((folder) => SYMBOL.test(nameOf(folder)) && !wanted.has(nameOf(folder)));
  const shown = others[0];
  if (shown === undefined) return [...folders];
  const names = (await sample(pages, shown)).map((key) => key.slice(key.lastIndexOf('/') + 1));
  if (!names.every((name) => name.startsWith(nameOf(shown)))) return [...folders];
  return folders.filter((folder) => !others.includes(folder));
}

const SYMBOL = /^[A-Z0-9][A-Z0-9._:-]{1,24}$/;

/** The first keys below a folder, folders' own markers left out. */
async function sample(pages: ListPages, prefix: string): Promise<string[]> {
  for await (const page of pages({ prefix, maxKeys: SAMPLE_KEYS })) {
    return page.keys.map(({ key }) => key).filter((key) => !key.endsWith('/'));
  }
  return [];
}
