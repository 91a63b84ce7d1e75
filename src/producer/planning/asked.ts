import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { detect, detectByName } from '../layouts/detect.ts';
import type { Head } from '../layouts/head.ts';
import { KNOWN_LAYOUTS } from '../layouts/known.ts';
import type { Layout } from '../layouts/layout.ts';
import { isNamedBy, type Resolution } from '../layouts/resolve.ts';
import { SymbolFilter } from '../layouts/symbols.ts';
import { kindOfName, type ObjectKind } from '../sources/object_kind.ts';
import { type DiscoverCounts, type DiscoverOptions, noCounts } from './found_task.ts';

/** What was asked for of the sources, held against names and heads. */
export class Asked {
  readonly options: DiscoverOptions;
  readonly counts: DiscoverCounts;
  readonly #layouts: readonly Layout[];
  readonly #forced: Layout | null;
  readonly #symbols = new Map<Layout, SymbolFilter>();

  /** `forced`: the one layout the user named. */
  constructor(forced: Layout | null, options: DiscoverOptions) {
    this.options = options;
    this.counts = options.counts ?? noCounts();
    this.#forced = forced;
    this.#layouts = forced === null ? KNOWN_LAYOUTS : [forced];
  }

  /** `explicit`: the user named this very file. */
  kindOf(path: string, explicit: boolean): ObjectKind {
    const kind = kindOfName(path, explicit, this.#forced !== null);
    return kind === 'other' && this.#forced !== null && isNamedBy(this.#forced, path) ? 'data' : kind;
  }

  byName(path: string): Resolution | null {
    return detectByName(this.#layouts, this.#forced !== null, path);
  }

  /** By name and head; by the name alone where the head cannot be read, which the task will say in full. */
  byHead(head: Head | null, path: string, named: Resolution | null, where: FaultPlace): Resolution {
    if (head !== null) return detect(this.#layouts, this.#forced !== null, path, head, where);
    if (named !== null) return named;
    throw new BackhaulError({
      kind: 'corrupt',
      message: 'the file cannot be inflated, and its name is none of a known layout',
      where,
    });
  }

  /** The symbol to store (`''` for a file of many), or null when the file is none of those asked for. */
  wants({ layout, symbol, intervalS, fromUs, toUs }: Resolution): string | null {
    const { fromUs: wantFrom, toUs: wantTo, intervals } = this.options;
    if (intervals !== null && !intervals.includes(intervalS)) return null;
    if (wantFrom !== null && toUs !== null && toUs <= wantFrom) return null;
    if (wantTo !== null && fromUs !== null && fromUs >= wantTo) return null;
    return symbol === null ? '' : this.symbolFilter(layout).stored(symbol);
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
  leaveOut(): null {
    this.counts.filtered++;
    return null;
  }
}
