/**
 * Longer bars kept right in the transaction of a change below: which series are touched, and which bars of a series that
 * is made of shorter ones become a vendor's own.
 */

import type { ClientBase } from 'pg';
import type { BarColumns } from '../bars/columns.ts';
import { merge, type Range, subtract } from '../base/ranges.ts';
import { bucketGrid } from '../buckets/bucket_grid.ts';
import type { MergeMemory } from '../merge/merge_memory.ts';
import { readDerivations, replaceDerivations } from '../state/series/derivations.ts';
import type { FilesOf } from '../state/series/rollup_roles.ts';
import { basesOf, lockRollups } from '../state/series/rollups.ts';
import { Deriver, type DeriveSettings, type DeriveTarget, type RollupSeries } from './derive.ts';
import { TouchedBars } from './touched_ranges.ts';

/** Of the files that a change comes with. */
export interface UpkeepSettings extends DeriveSettings {
  readonly files: FilesOf;
  /** The longer bars they make, s. */
  readonly makes: readonly number[];
  /** Longer bars that some of their series make besides. */
  readonly makesOfSome: readonly number[];
  /** Their own series are made of shorter bars as well. */
  readonly isMade: boolean;
}

/** The series of longer bars, by the series they are made of. */
export type TargetsOf = (
  seriesIds: readonly number[],
  rollupS: number,
) => Promise<ReadonlyMap<number, number>>;

export class Upkeep {
  readonly #client: ClientBase;
  readonly #memory: MergeMemory;
  readonly #settings: UpkeepSettings;
  readonly #changed: TouchedBars;
  /** Where bars went. */
  readonly #gone: TouchedBars;
  /** Of series that are made of shorter bars, the stretches made so; filled as they are met. */
  readonly derived = new Map<number, readonly Range[]>();
  /** Buckets of the vendor's own bars among them. */
  readonly #vendors = new Map<number, { fromUs: number; toUs: number }[]>();

  constructor(client: ClientBase, memory: MergeMemory, settings: UpkeepSettings) {
    this.#client = client;
    this.#memory = memory;
    this.#settings = settings;
    const near = Math.min(...settings.makes, settings.files.intervalS * 64) * 1e6;
    this.#changed = new TouchedBars(near);
    this.#gone = new TouchedBars(near);
  }

  /** Whether there is anything to look after. */
  get isIdle(): boolean {
    const { makes, makesOfSome, isMade } = this.#settings;
    return makes.length + makesOfSome.length === 0 && !isMade;
  }

  /** Nobody else makes bars of the files' own series from here on. When their turn has come, before they are compared. */
  async begin(): Promise<void> {
    const { isMade, files } = this.#settings;
    if (isMade) await lockRollups(this.#client, files, [files.intervalS]);
  }

  /** Series that rows are about to be compared with. */
  async meet(seriesIds: Iterable<number>): Promise<void> {
    if (!this.#settings.isMade) return;
    const unknown = [...new Set(seriesIds)].filter((id) => !this.derived.has(id));
    if (unknown.length === 0) return;
    const found = Map.groupBy(await readDerivations(this.#client, unknown), (one) => one.seriesId);
    for (const id of unknown) this.derived.set(id, merge(found.get(id) ?? []));
  }

  /** Rows [from, to) of a file, of one series, were compared; `fresh` are those that stand now because of it. */
  saw(seriesId: number, cols: BarColumns, from: number, to: number, fresh: Int32Array): void {
    for (const row of fresh) this.#changed.add(seriesId, cols.ts[row]!);
    if ((this.derived.get(seriesId)?.length ?? 0) === 0) return;
    const { files, sessionZone } = this.#settings;
    const grid = bucketGrid(files.intervalS, sessionZone);
    let list = this.#vendors.get(seriesId);
    if (list === undefined) {
      list = [];
      this.#vendors.set(seriesId, list);
    }
    for (let row = from; row < to; row++) {
      const ts = cols.ts[row]!;
      const last = list.at(-1);
      if (last?.toUs === ts) last.toUs = grid.endOf(ts);
      else list.push({ fromUs: ts, toUs: grid.endOf(ts) });
    }
  }

  /** Bars from one instant to another are gone. */
  lost(seriesId: number, fromUs: number, untilUs: number): void {
    this.#changed.add(seriesId, fromUs, untilUs);
    this.#gone.add(seriesId, fromUs, untilUs);
  }

  /** What is known of a series ends elsewhere now. */
  edge(seriesId: number, us: number): void {
    this.#changed.add(seriesId, us);
  }

  /**
   * Makes right what the change has touched; `known`: what of each series is known besides its coverage on record.
   */
  async settle(targetsOf: TargetsOf, known: ReadonlyMap<number, readonly Range[]>): Promise<void> {
    const { files, makes, makesOfSome, isMade } = this.#settings;
    if (this.isIdle) return;
    if (isMade) await this.#takeOver(known);
    const all = [...makes, ...makesOfSome];
    if (all.length === 0) return;
    await lockRollups(this.#client, files, all);
    await this.#deriveAll(targetsOf, known);
  }

  /** Bars that the files brought are made of nothing; where bars of theirs went, shorter ones make them again. */
  async #takeOver(known: ReadonlyMap<number, readonly Range[]>): Promise<void> {
    const all = [...this.#vendors.keys()];
    for (const [id, rows] of Map.groupBy(await readDerivations(this.#client, all), (one) => one.seriesId)) {
      const vendors = merge(this.#vendors.get(id)!);
      const left = [...Map.groupBy(rows, (one) => one.fromSeriesId)].flatMap(([fromSeriesId, ranges]) =>
        subtract(merge(ranges), vendors).map((range) => ({ ...range, fromSeriesId })),
      );
      await replaceDerivations(this.#client, id, left);
    }
    const deriver = new Deriver(this.#client, this.#memory, this.#settings);
    const { intervalS } = this.#settings.files;
    for (const { seriesId, bases } of await basesOf(this.#client, this.#gone.seriesIds)) {
      const target = { seriesId, intervalS };
      // The longest first: what shorter bars make takes its place.
      for (const base of bases.toSorted((a, b) => b.intervalS - a.intervalS)) {
        await deriver.derive({
          base,
          targets: [
            { target, others: bases.filter((one) => one !== base), touched: this.#gone.of(seriesId) },
          ],
          known: known.get(base.seriesId) ?? [],
          claims: true,
        });
      }
    }
  }

  async #deriveAll(targetsOf: TargetsOf, known: ReadonlyMap<number, readonly Range[]>): Promise<void> {
    const deriver = new Deriver(this.#client, this.#memory, this.#settings);
    const { files, makes, makesOfSome } = this.#settings;
    const ids = this.#changed.seriesIds.sort((a, b) => a - b);
    const targets = new Map<number, RollupSeries[]>(ids.map((id) => [id, []]));
    for (const rollupS of makes)
      for (const [id, seriesId] of await targetsOf(ids, rollupS))
        targets.get(id)?.push({ seriesId, intervalS: rollupS });
    if (makesOfSome.length > 0)
      for (const { fromSeriesId, seriesId, rollupS } of await readDerivations(this.#client, ids, 'from'))
        if (!targets.get(fromSeriesId)!.some((one) => one.seriesId === seriesId))
          targets.get(fromSeriesId)!.push({ seriesId, intervalS: rollupS });
    const made = [...targets.values()].flat().map(({ seriesId }) => seriesId);
    const bases = new Map((await basesOf(this.#client, made)).map((one) => [one.seriesId, one.bases]));
    await deriver.meet([...new Set([...ids, ...[...bases.values()].flat().map(({ seriesId }) => seriesId)])]);
    for (const id of ids) {
      const base = { seriesId: id, intervalS: files.intervalS };
      const touched = this.#changed.of(id);
      const basesOfIt = (target: RollupSeries): readonly RollupSeries[] => [
        base,
        ...(bases.get(target.seriesId) ?? []).filter(({ seriesId }) => seriesId !== id),
      ];
      const from = (one: RollupSeries, target: RollupSeries): DeriveTarget => ({
        target,
        others: basesOfIt(target).filter(({ seriesId }) => seriesId !== one.seriesId),
        touched,
      });
      const all = targets.get(id)!;
      const derived = await deriver.derive({
        base,
        targets: all.map((target) => from(base, target)),
        known: known.get(id) ?? [],
        claims: true,
      });
      // Where bars went that shorter ones had made, longer ones make them again.
      for (const target of all.filter((_, i) => derived[i]!.gone > 0)) {
        const longer = basesOfIt(target).filter(({ intervalS }) => intervalS > files.intervalS);
        for (const one of longer.toSorted((a, b) => a.intervalS - b.intervalS))
          await deriver.derive({ base: one, targets: [from(one, target)], known: [], claims: true });
      }
    }
  }
}
