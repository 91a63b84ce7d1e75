/**
 * Dates in keys: how a vendor's tree of files is ordered by day, so that a range of days is a range of keys.
 * Days are counted since 1970, ranges are `[from, to)`.
 */

export interface DayRange {
  readonly fromDay: number;
  readonly toDay: number;
}

/** A pattern of keys below some folder: text with `{Y}`, `{M}` and `{D}`, whose order is that of the days. */
export interface DateTemplate {
  readonly text: string;
  /** The finest of its parts: the files of a tree without `{D}` hold months, without `{M}` years. */
  readonly unit: 'day' | 'month' | 'year';
}

const US_A_DAY = 86_400_000_000;
const MS_A_DAY = 86_400_000;

/**
 * The days whose files may hold bars of `[fromUs, toUs)`: one more on either side, because a file's day is the
 * exchange's and lies up to 14 hours off the UTC day. Null where the range has no bound at all.
 */
export function wantedDays(fromUs: number, toUs: number): DayRange | null {
  const fromDay = Number.isFinite(fromUs) ? Math.floor(fromUs / US_A_DAY) - 1 : Number.NEGATIVE_INFINITY;
  const toDay = Number.isFinite(toUs) ? Math.ceil(toUs / US_A_DAY) + 1 : Number.POSITIVE_INFINITY;
  return Number.isFinite(fromDay) || Number.isFinite(toDay) ? { fromDay, toDay } : null;
}

const YEAR = '((?:19|20)\\d\\d)';
const MONTH = '(0[1-9]|1[0-2])';
const DAY = '(0[1-9]|[12]\\d|3[01])';

/** `YYYY-MM-DD` or `YYYY-MM` at the end of a file's name, before its suffixes. */
const DATED_NAME = new RegExp(`^(.*?)${YEAR}-${MONTH}(?:-${DAY})?(?:\\.[A-Za-z][\\w.]*)?$`);

/** Shapes of the folders above; what stands between the date's parts is `[^0-9/]*`, so keys sort as dates do. */
const FOLDER_SHAPES: readonly { readonly shape: RegExp; readonly text: string; readonly hive: boolean }[] = [
  {
    shape: new RegExp(`^year=${YEAR}/month=${MONTH}/day=${DAY}/`),
    text: 'year={Y}/month={M}/day={D}/',
    hive: true,
  },
  { shape: new RegExp(`^year=${YEAR}/month=${MONTH}/`), text: 'year={Y}/month={M}/', hive: true },
  { shape: new RegExp(`^date=${YEAR}-${MONTH}-${DAY}/`), text: 'date={Y}-{M}-{D}/', hive: true },
  { shape: new RegExp(`^dt=${YEAR}-${MONTH}-${DAY}/`), text: 'dt={Y}-{M}-{D}/', hive: true },
  { shape: new RegExp(`^${YEAR}/${MONTH}/${DAY}/`), text: '{Y}/{M}/{D}/', hive: false },
  { shape: new RegExp(`^${YEAR}/${MONTH}/`), text: '{Y}/{M}/', hive: false },
  { shape: new RegExp(`^${YEAR}-${MONTH}-${DAY}/`), text: '{Y}-{M}-{D}/', hive: false },
  { shape: new RegExp(`^${YEAR}-${MONTH}/`), text: '{Y}-{M}/', hive: false },
  { shape: new RegExp(`^${YEAR}/`), text: '{Y}/', hive: false },
];

/** Whether a folder's name (with its `/`) looks like the top of a tree by date. */
export function looksDated(folderName: string): boolean {
  return /^(?:year=|date=|dt=)?(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?\/$/.test(folderName);
}

/**
 * The template that all of these keys (relative to the tree's top) follow, or null.
 *
 * A folder `2024/` alone proves nothing, it may be when a file was uploaded: unless the folders are named as Hive
 * does, each file's own name has to hold a date that agrees with the folders it is in.
 */
export function templateOf(keys: readonly string[]): DateTemplate | null {
  const first = keys[0];
  const folders = FOLDER_SHAPES.find(({ shape }) => first !== undefined && shape.test(first));
  if (first === undefined || folders === undefined) return null;
  if (folders.hive) return keys.every((key) => folders.shape.test(key)) ? template(folders.text) : null;
  const dates = keys.map((key) => dateBelow(key, folders.shape));
  if (dates.includes(null)) return null;
  const stem = dates[0]!.stem;
  // A stem the files share is part of their order; where it varies (a symbol), the folders alone are.
  const named = dates.every((date) => date!.stem === stem && date!.hasDay) && !/\d/.test(stem);
  return template(named ? `${folders.text}${stem}{Y}-{M}-{D}` : folders.text);
}

function template(text: string): DateTemplate {
  return { text, unit: text.includes('{D}') ? 'day' : text.includes('{M}') ? 'month' : 'year' };
}

/** The dated name of a file directly in the folders of `shape`; null when it has none or they disagree. */
function dateBelow(key: string, shape: RegExp): { readonly stem: string; readonly hasDay: boolean } | null {
  const folders = shape.exec(key);
  const name = DATED_NAME.exec(folders === null ? '/' : key.slice(folders[0].length));
  if (folders === null || name === null || name[1]!.includes('/')) return null;
  const own = name.slice(2, 5);
  for (const [i, part] of folders.slice(1).entries()) if (part !== own[i]) return null;
  return { stem: name[1]!, hasDay: own[2] !== undefined };
}

/** The key that all keys of `day` and later ones lie behind, and no key of a day before its month, year or itself does. */
export function keyOfDay(top: string, { text }: DateTemplate, day: number): string {
  const { Y, M, D } = datePartsOf(day);
  return top + text.replaceAll('{Y}', Y).replaceAll('{M}', M).replaceAll('{D}', D);
}

/** The first day that no file of the template which may hold days before `toDay` stands for. */
export function firstDayPast({ unit }: DateTemplate, toDay: number): number {
  if (unit === 'day') return toDay;
  const last = new Date((toDay - 1) * MS_A_DAY);
  const [year, month] = [last.getUTCFullYear(), last.getUTCMonth()];
  return Date.UTC(unit === 'year' ? year + 1 : year, unit === 'year' ? 0 : month + 1, 1) / MS_A_DAY;
}

/**
 * Of a key that follows the template as far as a date outside the days: the place behind all keys beside it that do
 * so too, where listing goes on; else null. Places rise with the keys.
 */
export function leapsOf(
  top: string,
  { text }: DateTemplate,
  { fromDay, toDay }: DayRange,
): (key: string) => string | null {
  const parts = (['Y', 'M', 'D'] as const).filter((part) => text.includes(`{${part}}`));
  const steps = parts.map((part) => ({ part, pattern: patternOf(text, part) }));
  const first = Number.isFinite(fromDay) ? datePartsOf(fromDay) : null;
  const last = Number.isFinite(toDay) ? datePartsOf(toDay - 1) : null;
  return (key) => {
    const below = key.slice(top.length);
    let [sinceFirst, untilLast] = [first, last];
    for (const { part, pattern } of steps) {
      const found = pattern.exec(below);
      if (found === null) return null;
      const value = found.groups![part]!;
      const before = found[0].slice(0, found.indices!.groups![part]![0]);
      if (sinceFirst !== null && value < sinceFirst[part]) return top + before + sinceFirst[part];
      if (untilLast !== null && value > untilLast[part]) return top + before + BEHIND[part];
      // A later part bounds only the year, and month, that the range begins or ends in.
      if (sinceFirst !== null && value > sinceFirst[part]) sinceFirst = null;
      if (untilLast !== null && value < untilLast[part]) untilLast = null;
    }
    return null;
  };
}

type DateParts = Record<'Y' | 'M' | 'D', string>;

/** Behind every year, month of a year, day of a month. */
const BEHIND: DateParts = { Y: '9999', M: '13', D: '32' };

function datePartsOf(day: number): DateParts {
  const [Y, M, D] = new Date(day * MS_A_DAY).toISOString().slice(0, 10).split('-') as [
    string,
    string,
    string,
  ];
  return { Y, M, D };
}

/**
 * What keys of the template begin with up to `part` and the character behind it; a part that occurs again has to be
 * the same.
 */
function patternOf(text: string, part: keyof DateParts): RegExp {
  const end = text.indexOf(`{${part}}`) + '{Y}'.length;
  let pattern = text.slice(0, end + (text[end] === '{' ? 0 : 1)).replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  for (const [name, digits] of [
    ['Y', 4],
    ['M', 2],
    ['D', 2],
  ] as const)
    pattern = pattern
      .replace(`{${name}}`, `(?<${name}>\\d{${digits}})`)
      .replaceAll(`{${name}}`, `\\k<${name}>`);
  return new RegExp(`^${pattern}`, 'd');
}
