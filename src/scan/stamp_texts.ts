/**
 * Text stamps of one file, written in one of several forms: which, its stamps decide. A form that does not fit a stamp
 * which another fits is out; where two are left that read a stamp differently, nothing is guessed.
 */

import { formsThatFit, stampForm } from './stamp_catalogue.ts';
import type { StampForm } from './stamp_form.ts';
import { StampPattern } from './stamp_pattern.ts';

/** {@link TextStamps.read}: read. */
export const TEXT_READ = 0;
/** In none of the forms. */
export const TEXT_NONE = 1;
/** Two forms read it, and not alike: the whole file must decide. */
export const TEXT_OPEN = 2;
/** In a form that earlier stamps were not in: no form fits the file. */
export const TEXT_OTHER = 3;

/** What the stamps of a whole file told. */
export interface DecidedForm {
  readonly form: string;
  /** Forms that did not fit. */
  readonly others: readonly string[];
}

export class TextStamps {
  /** After a stamp was read: see {@link StampForm}. */
  localUs = Number.NaN;
  offsetUs = Number.NaN;
  isOfMonth = false;
  /** Null as long as no stamp was met, where the layout names no form. */
  #alive: StampForm[] | null;
  #out: StampForm[] = [];
  /** A day and a time of day, joined. */
  #joined = new Uint8Array(64);
  #joinedBy: string | null = null;
  #isTimeFirst = false;
  #length = 0;

  /** `formats`: patterns of the layout, or null for the common forms. */
  constructor(formats: readonly string[] | null, decided: DecidedForm | null) {
    if (decided !== null) {
      this.#alive = [stampForm(decided.form)];
      this.#out = decided.others.map(stampForm);
    } else this.#alive = formats === null ? null : formats.map((text) => new StampPattern(text));
  }

  /** The one form, once it is the only one. */
  get decided(): DecidedForm | null {
    const [form, second] = this.#alive ?? [];
    if (form === undefined || second !== undefined) return null;
    return { form: form.text, others: this.#out.map(({ text }) => text) };
  }

  /** Texts of the forms that may be. */
  get forms(): readonly string[] {
    return (this.#alive ?? []).map(({ text }) => text);
  }

  /** Reads `bytes[start,end)`, without blanks around it; one of the codes above. */
  read(bytes: Uint8Array, start: number, end: number): number {
    const alive = this.#alive;
    if (alive !== null && alive.length === 1) {
      const form = alive[0]!;
      if (form.read(bytes, start, end)) {
        this.localUs = form.localUs;
        this.offsetUs = form.offsetUs;
        this.isOfMonth = form.isOfMonth;
        return TEXT_READ;
      }
      return this.#out.some((one) => one.read(bytes, start, end)) ? TEXT_OTHER : TEXT_NONE;
    }
    return this.#decide(
      (form) => form.read(bytes, start, end),
      () => formsThatFit(bytes, start, end),
    );
  }

  /** Reads a day and a time of day of two fields, without blanks around them; `dayBytes` holds the day where the record does not. */
  readParts(
    bytes: Uint8Array,
    dayStart: number,
    dayEnd: number,
    timeStart: number,
    timeEnd: number,
    dayBytes = bytes,
  ): number {
    this.#joinedBy = null;
    const join = (between: string, timeFirst: boolean): void => {
      if (between === this.#joinedBy && timeFirst === this.#isTimeFirst) return;
      this.#joinedBy = between;
      this.#isTimeFirst = timeFirst;
      if (timeFirst) this.#join(bytes, dayBytes, timeStart, timeEnd, between, dayStart, dayEnd);
      else this.#join(dayBytes, bytes, dayStart, dayEnd, between, timeStart, timeEnd);
    };
    const reads = (form: StampForm): boolean => {
      const parts = form instanceof StampPattern ? form.parts : null;
      join(parts?.between ?? ' ', parts?.timeFirst ?? false);
      return form.read(this.#joined, 0, this.#length);
    };
    const alive = this.#alive;
    if (alive !== null && alive.length === 1) {
      const form = alive[0]!;
      if (!reads(form)) return this.#out.some(reads) ? TEXT_OTHER : TEXT_NONE;
      this.localUs = form.localUs;
      this.offsetUs = form.offsetUs;
      return TEXT_READ;
    }
    return this.#decide(reads, () => {
      join(' ', false);
      return formsThatFit(this.#joined, 0, this.#length);
    });
  }

  /** Whether `bytes[start,end)` is written in some form, which decides nothing. */
  fits(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#alive === null) return formsThatFit(bytes, start, end).length > 0;
    return this.#alive.some((form) => form.read(bytes, start, end));
  }

  #decide(reads: (form: StampForm) => boolean, common: () => StampForm[]): number {
    const known = this.#alive ?? common();
    const fit = known.filter(reads);
    const [first, ...more] = fit;
    if (first === undefined) return this.#out.some(reads) ? TEXT_OTHER : TEXT_NONE;
    this.localUs = first.localUs;
    this.offsetUs = first.offsetUs;
    this.isOfMonth = first.isOfMonth;
    const isOpen = more.some(
      (form) => form.localUs !== first.localUs || !Object.is(form.offsetUs, first.offsetUs),
    );
    this.#out.push(...known.filter((form) => !fit.includes(form)));
    this.#alive = fit;
    return isOpen ? TEXT_OPEN : TEXT_READ;
  }

  #join(
    first: Uint8Array,
    second: Uint8Array,
    start: number,
    end: number,
    between: string,
    secondStart: number,
    secondEnd: number,
  ): void {
    const length = end - start + between.length + secondEnd - secondStart;
    if (length > this.#joined.length) this.#joined = new Uint8Array(2 * length);
    const joined = this.#joined;
    let at = 0;
    for (let p = start; p < end; p++) joined[at++] = first[p]!;
    for (let i = 0; i < between.length; i++) joined[at++] = between.charCodeAt(i);
    for (let p = secondStart; p < secondEnd; p++) joined[at++] = second[p]!;
    this.#length = at;
  }
}
