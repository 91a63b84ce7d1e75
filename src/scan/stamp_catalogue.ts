/** The ways to write a stamp that are common: what is tried where a layout names no pattern, and what hints name. */

import { IsoStamp } from './iso_stamp.ts';
import type { StampForm } from './stamp_form.ts';
import { StampPattern } from './stamp_pattern.ts';

const DATES = [
  'yyyyMMdd',
  'yyyy-M-d',
  'yyyy.M.d',
  'yyyy/M/d',
  'd.M.yyyy',
  'M.d.yyyy',
  'd/M/yyyy',
  'M/d/yyyy',
  'd-M-yyyy',
  'M-d-yyyy',
  'd.M.yy',
  'M.d.yy',
  'd/M/yy',
  'M/d/yy',
  'd-M-yy',
  'M-d-yy',
  'yy-M-d',
  'd MMM yyyy',
  'd-MMM-yyyy',
  'd-MMM-yy',
  'MMM d, yyyy',
  'MMM d yyyy',
];

/** Of bars of months. */
const MONTHS = [
  'yyyy-M',
  'yyyy/M',
  'yyyy.M',
  'yyyyMM',
  'M/yyyy',
  'M-yyyy',
  'M.yyyy',
  'MMM yyyy',
  'MMM-yyyy',
  'MMM-yy',
  'yyyy MMM',
  'yyyy-MMM',
];

const TIMES = [
  '',
  ' H:mm',
  ' H:mm:ss',
  ' H:mm:ss.S',
  ' HHmm',
  ' HHmmss',
  'HHmm',
  'HHmmss',
  'HHmmssSSS',
  'THHmm',
  'THHmmss',
  'TH:mm',
  'TH:mm:ss',
  'TH:mm:ss.S',
  ' h:mm a',
  ' h:mm:ss a',
  ' h-a',
  ' h a',
  ', H:mm',
  ', H:mm:ss',
];

/** Interactive Brokers puts two blanks between a day and a time. */
const OTHERS = ['yyyyMMdd  H:mm:ss', 'yyyyMMdd  H:mm'];

let catalogue: readonly StampForm[] | null = null;

/** All of them, ISO 8601 first; single letters take one digit or two. */
function commonForms(): readonly StampForm[] {
  catalogue ??= [
    new IsoStamp(),
    ...DATES.flatMap((date) =>
      TIMES.flatMap((time) => ['', 'X'].map((offset) => `${date}${time}${time === '' ? '' : offset}`)),
    )
      .concat(MONTHS, OTHERS)
      .filter((text, i, all) => all.indexOf(text) === i)
      .map((text) => new StampPattern(text)),
  ];
  return catalogue;
}

/**
 * A form to read by, of its text.
 * @throws SyntaxError for a pattern that is none
 */
export function stampForm(text: string): StampForm {
  const iso = new IsoStamp();
  return text === iso.text ? iso : new StampPattern(text);
}

/** The common forms that `bytes[start,end)` is written in; of those that read the same by their nature the first. */
export function formsThatFit(bytes: Uint8Array, start: number, end: number): StampForm[] {
  const [iso, ...patterns] = commonForms();
  if (iso!.read(bytes, start, end)) return [new IsoStamp()];
  return patterns.filter((form) => form.read(bytes, start, end)).map(({ text }) => new StampPattern(text));
}

const utf8 = new TextEncoder();

/** Patterns a text is written in, the likeliest first, letters doubled where digits are. */
export function patternsFor(text: string): string[] {
  const bytes = utf8.encode(text.trim());
  return formsThatFit(bytes, 0, bytes.length).map((form) => {
    const doubled = form.text.replace(/(?<![A-Za-z])([dMHh])(?![A-Za-z])/g, '$1$1');
    return form instanceof StampPattern && new StampPattern(doubled).read(bytes, 0, bytes.length)
      ? doubled
      : form.text;
  });
}
