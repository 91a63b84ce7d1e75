import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { withExactPrices } from '../../scan/kept_columns.ts';
import type { RecordShape } from '../../scan/shape.ts';
import { detect, detectByName } from '../layouts/detect.ts';
import type { Head } from '../layouts/head.ts';
import { spelledInterval } from '../layouts/interval_words.ts';
import { knownLayouts, tableLayouts } from '../layouts/known_layouts.ts';
import type { Layout } from '../layouts/layout.ts';
import { noBarsIn, SALE_CONDITIONS } from '../layouts/no_bars.ts';
import { type Given, isNamedBy, type Resolution } from '../layouts/resolve.ts';
import { SymbolFilter } from '../layouts/symbol_filter.ts';
import { kindOfName, type ObjectKind } from '../sources/object_kind.ts';
import { type DiscoverCounts, type DiscoverOptions, noCounts } from './found_task.ts';

/** What was asked for of the sources, held against names and heads. */
export class Asked {
  readonly options: DiscoverOptions;
  readonly counts: DiscoverCounts;
  readonly #layouts: readonly Layout[];
  readonly #forced: Layout | null;
  readonly #given: Given;
  #ignoredSaid = false;
  /** Layouts whose notes were said. */
  readonly #noted = new Set<Layout>();
  #madeSaid = false;
  /** Whether it was said that of trades nothing more is kept. */
  #exactSaid = false;
  readonly #symbols = new Map<Layout, SymbolFilter>();

  /** `forced`: the one layout the user named. */
  constructor(forced: Layout | null, options: DiscoverOptions) {
    this.options = options;
    this.counts = options.counts ?? noCounts();
    this.#given = { intervalS: options.interval ?? null, venue: options.venue ?? null };
    this.#forced = forced;
    this.#layouts = forced === null ? knownLayouts() : [forced];
  }

  /** Whether the user named a layout, a venue or an interval. */
  get isNamed(): boolean {
    return this.#forced !== null || this.#given.intervalS !== null || this.#given.venue !== null;
  }

  /** `explicit`: the user named this very file. */
  kindOf(path: string, explicit: boolean): ObjectKind {
    const kind = kindOfName(path, explicit, this.#forced !== null);
    if (kind === 'other' && /\.json$/i.test(path) && this.#isJson(path)) return 'data';
    return kind === 'other' && this.#forced !== null && isNamedBy(this.#forced, path) ? 'data' : kind;
  }

  /** Whether files may be of a layout: of the one the user named, or of any. */
  takes(layout: string): boolean {
    return this.#forced === null || this.#forced.name === layout;
  }

  /** Whether a layout reads JSON of that name; most files of such an ending are none of bars. */
  #isJson(path: string): boolean {
    return this.#layouts.some((layout) => layout.syntax === 'json' && isNamedBy(layout, path));
  }

  byName(path: string): Resolution | null {
    if (this.#noBarsIn(path) !== null) return null;
    return detectByName(this.#layouts, this.#forced !== null, path, this.#given);
  }

  /** By name and head; by the name alone where the head cannot be read, which the task will say in full. */
  byHead(head: Head | null, path: string, named: Resolution | null, where: FaultPlace): Resolution {
    this.refuseNoBars(path, where);
    if (head !== null) {
      const layouts =
        head.table === undefined || this.#forced !== null
          ? this.#layouts
          : [...tableLayouts(), ...this.#layouts];
      return detect(layouts, this.#forced !== null, path, head, where, this.#given);
    }
    if (named !== null) return named;
    throw new BackhaulError({
      kind: 'corrupt',
      message: 'the file cannot be inflated, and its name is none of a known layout',
      where,
    });
  }

  /** Fails for a file that its name says to hold trades, quotes or the like; a layout that was named may know better. */
  refuseNoBars(path: string, where: FaultPlace): void {
    const message = this.#noBarsIn(path);
    if (message === null) return;
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message,
      where,
      expected: 'bars: open, high, low and close of an interval',
      hint: message.includes('single trades')
        ? SALE_CONDITIONS
        : 'Load the folders of bars alone. If the name misleads, say how to read the file: --layout my.yaml.',
    });
  }

  #noBarsIn(path: string): string | null {
    return this.#forced === null ? noBarsIn(path) : null;
  }

  /** Whether a file is to be looked into although its name tells what it is: the name may be none of its own. */
  mustLook({ unsure, unsureOfTime }: Resolution): boolean {
    return unsure || (unsureOfTime && (this.options.fromUs !== null || this.options.toUs !== null));
  }

  /** Whether the name alone tells that nobody asked for the file. */
  isUnwanted(named: Resolution | null): boolean {
    return named !== null && !this.mustLook(named) && !this.wants(named);
  }

  /** Takes note of what the records of a file decided that is to be loaded. */
  noteDecisions(resolution: Resolution, path: string): void {
    const { layout, byRecords, intervalS, venue, ignoredS, zoneIsAssumed } = resolution;
    if (layout.note !== undefined && this.#forced === null && !this.#noted.has(layout)) {
      this.#noted.add(layout);
      this.options.onNote?.(`${layout.name}: ${layout.note}`);
    }
    if (zoneIsAssumed && this.#forced === null && !this.#noted.has(layout)) {
      this.#noted.add(layout);
      this.options.onNote?.(
        `${layout.name}: stamps of ${path} name no zone, and are read as UTC; if they are of another, ` +
          `npx backhaul layouts ${layout.name} > my.yaml, add time: { zone: America/New_York }, and --layout my.yaml`,
      );
    }
    for (const { what, said } of byRecords) {
      const is = what === 'interval' ? spelledInterval(intervalS) : what === 'venue' ? venue : '';
      const known = this.counts.byRecords.find(
        (one) => one.what === what && one.is === is && one.said === said,
      );
      if (known !== undefined) known.files++;
      else this.counts.byRecords.push({ what, is, said, files: 1 });
    }
    if (ignoredS === null || this.#ignoredSaid) return;
    this.#ignoredSaid = true;
    this.options.onNote?.(
      `${path} says itself that its interval is ${spelledInterval(intervalS)}: --interval ${spelledInterval(ignoredS)} is for files ` +
        'that do not tell; to choose among files there is --intervals',
    );
  }

  /** Whether the file may hold something of what was asked for. */
  wants({ layout, symbol, intervalS, fromUs, toUs }: Resolution): boolean {
    const { fromUs: wantFrom, toUs: wantTo, intervals } = this.options;
    if (layout.kind === 'bars' && intervals !== null && !intervals.includes(intervalS)) return false;
    if (wantFrom !== null && toUs !== null && toUs <= wantFrom) return false;
    if (wantTo !== null && fromUs !== null && fromUs >= wantTo) return false;
    return symbol === null || this.symbolFilter(layout).wants(symbol);
  }

  /** Seconds of the bars that are to come out of a file: its own, or those that its trades are to be made into. */
  intervalsOf({ layout, intervalS }: Resolution): readonly number[] {
    if (layout.kind === 'bars') return [intervalS];
    if (this.options.intervals !== null) return this.options.intervals;
    if (layout.interval === undefined && this.#given.intervalS === null && !this.#madeSaid) {
      this.#madeSaid = true;
      const { onNote } = this.options;
      onNote?.(`trades are made into bars of ${spelledInterval(intervalS)}; --intervals 1m,1h,… says others`);
    }
    return [intervalS];
  }

  /** The shape of a file's records, with what is to be kept of them. */
  shapeOf({ layout, shape }: Resolution): RecordShape {
    if (this.options.prices !== 'numeric') return shape;
    if (layout.kind === 'bars') return withExactPrices(shape);
    if (!this.#exactSaid)
      this.options.onNote?.('of trades, --prices numeric keeps nothing: their bars are computed');
    this.#exactSaid = true;
    return shape;
  }

  symbolFilter(layout: Layout): SymbolFilter {
    let filter = this.#symbols.get(layout);
    if (filter === undefined) {
      const asked = this.options.symbols?.map((symbol) => symbol.normalize('NFC')) ?? null;
      filter = new SymbolFilter(asked, layout.aliases);
      this.#symbols.set(layout, filter);
    }
    return filter;
  }

  /** Counts a file that is not read, by its kind. */
  notRead(kind: string): void {
    this.counts.notRead[kind] = (this.counts.notRead[kind] ?? 0) + 1;
  }

  /** Counts something nobody asked for. */
  leaveOut(): void {
    this.counts.filtered++;
  }
}
