/**
 * A first reading of a whole file, for what no single stamp tells: the order of day and month, hours that occur twice.
 */

import { BackhaulError } from '../faults/fault.ts';
import type { FieldList } from './csv_record.ts';
import { HourWatch } from './repeated_hours.ts';
import type { ScanChecks } from './shape.ts';
import type { FileFacts, Need, StampReader } from './stamp_reader.ts';

/** Where a record begins, and its stamp. */
interface Stamp {
  readonly line: number;
  readonly byteOffset: number;
  readonly text: string;
}

/** Reads all stamps of a file for what no single one tells. */
export class Survey {
  /** All is known: the rest of the file would change nothing. */
  isDone = false;
  readonly #need: Need;
  readonly #stamps: StampReader;
  readonly #watch: HourWatch;
  readonly #facts: FileFacts;
  /** The first stamp that two forms read, and what they read. */
  #open: Stamp | null = null;

  constructor(need: Need, stamps: StampReader, checks: ScanChecks, facts: FileFacts) {
    this.#need = need;
    this.#stamps = stamps;
    this.#watch = new HourWatch(checks.intervalUs);
    this.#facts = facts;
  }

  /** A record, of a series. */
  record(fields: FieldList, series: string, stamp: Stamp): void {
    const stamps = this.#stamps;
    const parsed = stamps.parse(fields);
    if (stamps.isOtherForm) throw mixedForms(stamps.texts.forms, stamp);
    if (this.#need === 'form') {
      if (stamps.need === 'form') this.#open ??= stamp;
      this.isDone = stamps.texts.decided !== null;
    } else if (parsed !== 'none' && !Number.isNaN(stamps.first)) {
      const local = parsed === 'local' ? stamps.localUs : stamps.first;
      this.#watch.record(series, local, stamps.first, stamps.second, stamp.line);
    }
  }

  /**
   * What the file told.
   * @throws BackhaulError `timestamp` where two forms fit all of its stamps
   */
  end(): FileFacts {
    const form = this.#stamps.texts.decided;
    if (this.#need === 'hours') return { ...this.#facts, form, hours: this.#watch.end() };
    if (form === null && this.#open !== null) throw openForm(this.#stamps.texts.forms, this.#open);
    return { ...this.#facts, form };
  }
}

/** `timestamp`: two forms fit all stamps of the file, and read them differently. */
function openForm(forms: readonly string[], { line, byteOffset, text }: Stamp): BackhaulError {
  return new BackhaulError({
    kind: 'timestamp',
    message: 'The order of day and month cannot be told: more than one pattern fits every stamp of the file.',
    where: { line, byteOffset, field: 'time' },
    expected: `stamps that only one of ${forms.join(', ')} fits`,
    found: text,
    hint: `Say which it is in the layout: ${forms.map((form) => `time: { format: '${form}' }`).join(' or ')}.`,
  });
}

/** `timestamp`: no form fits all stamps of the file. */
export function mixedForms(forms: readonly string[], { line, byteOffset, text }: Stamp): BackhaulError {
  return new BackhaulError({
    kind: 'timestamp',
    message: 'No one pattern fits the stamps of the file.',
    where: { line, byteOffset, field: 'time' },
    expected: `${forms.join(' or ')}, as in the records before`,
    found: text,
    hint: 'Are these two files in one, or the order of day and month mixed? Load them apart.',
  });
}
