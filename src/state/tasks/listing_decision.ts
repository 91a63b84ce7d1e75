/** What a listing found, held against what the table knows of it. Pure; `task_listing.ts` carries it out. */

import { isDeepStrictEqual } from 'node:util';
import type { Fault } from '../../faults/fault.ts';
import { hasExactPrices, withExactPrices } from '../../scan/kept_columns.ts';
import type { OnInvalid, RecordShape } from '../../scan/shape.ts';
import type { TaskState } from '../machine.ts';
import type { TaskPlan } from '../task_plan.ts';

/** One object or entry as the producer plans it. */
export interface FoundTask {
  readonly uri: string;
  /** Name inside a zip; null for an object that is a file of its own. */
  readonly entry: string | null;
  readonly etag: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970; null where the source does not say. */
  readonly modifiedMs?: number | null;
  readonly layout: string | null;
  readonly lane: string | null;
  /** µs of the planned first bar; null: unknown, goes first. */
  readonly sequence: number | null;
  /** Null where `fault` says why there is no plan. */
  readonly plan: TaskPlan | null;
  /** It cannot be loaded, and this is why: it becomes a failed task. */
  readonly fault?: Fault | null;
  /** Of its symbol; absent where there is but one. */
  readonly spellings?: readonly string[];
}

/** Seconds of the bars that a find makes of trades; null where its file holds bars. */
export function madeInterval({ plan }: Pick<FoundTask, 'plan'>): number | null {
  return plan?.shape.kind === 'trades' ? plan.intervalS : null;
}

/** What the table knows of the same place. */
export interface StandingTask {
  readonly state: TaskState;
  readonly etag: string;
  readonly layout: string | null;
  readonly lane: string | null;
  readonly sequence: number | null;
  readonly plan: TaskPlan | null;
  /** Records of it that stood with other values when it was loaded. */
  readonly rowsConflict: number | null;
  /** A file from elsewhere was loaded after it that has replaced bars where it has some. */
  readonly isOverruled: boolean;
}

/**
 * What to do. `add`: a new row. `keep`: nothing at all. `refresh`: the state stays, the plan is brought up to date.
 * `replace` (of a loaded one), `requeue` (of a failed one) and `restore` (of a skipped one): back to pending with the new plan.
 * A fault that comes with one of these ends the task as failed.
 */
export type Step = 'add' | 'keep' | 'refresh' | 'replace' | 'requeue' | 'restore';

/** The step, and the plan to store with it. */
export interface Decision {
  readonly step: Step;
  readonly plan: TaskPlan | null;
}

function lower(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.min(a, b);
}

function upper(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}

/**
 * The new plan, asking for all that the old one asked for as well: nobody's earlier wish is lost, and a symbol keeps the
 * name it was stored under.
 */
export function widenPlan(old: TaskPlan | null, plan: TaskPlan | null): TaskPlan | null {
  if (old === null || plan === null) return plan;
  return {
    ...plan,
    shape: asExactAs(old.shape, plan.shape),
    wantFromUs: lower(old.wantFromUs, plan.wantFromUs),
    wantToUs: upper(old.wantToUs, plan.wantToUs),
    wantSymbols:
      old.wantSymbols === null || plan.wantSymbols === null
        ? null
        : { ...plan.wantSymbols, ...old.wantSymbols },
    onInvalid: widerWaiver(old.onInvalid, plan.onInvalid),
  };
}

/** The shape, with the decimals of prices kept where the other one keeps them: nobody's digits are taken away. */
function asExactAs(other: RecordShape, shape: RecordShape): RecordShape {
  return hasExactPrices(other) && !hasExactPrices(shape) ? withExactPrices(shape) : shape;
}

/** Bars that were kept are not taken away by a load that would not keep them. */
function widerWaiver(old: OnInvalid, asked: OnInvalid): OnInvalid {
  if (old === 'keep' || asked === 'keep') return 'keep';
  if (old === 'reject') return asked;
  if (asked === 'reject') return old;
  return [...new Set([...old, ...asked])].sort();
}

/** How a listing was asked for. */
export interface ListingWish {
  /** What is loaded, or was unloaded, is to be loaded again. */
  readonly reload: boolean;
  /** A layout, a venue or an interval was named: then how a file is read is the user's word, else it is a guess of ours. */
  readonly isNamed: boolean;
  /**
   * The URIs of what is listed: of two files in it that differ the later one keeps its way, or the same command would
   * load both in turns for ever.
   */
  readonly sources: readonly string[];
}

export const PLAIN_LISTING: ListingWish = { reload: false, isNamed: true, sources: [] };

/** What decides which rows come out of the same bytes; limits do not. */
function reading(layout: string | null, plan: TaskPlan | null): unknown {
  if (plan === null) return null;
  const { venue, symbol, intervalS, shape, wantFromUs, wantToUs, wantSymbols, onInvalid, grid, sessionZone } =
    plan;
  const waived = typeof onInvalid === 'string' ? onInvalid : [...onInvalid].sort();
  return {
    layout,
    venue,
    symbol,
    intervalS,
    shape,
    wantFromUs,
    wantToUs,
    wantSymbols,
    waived,
    grid,
    sessionZone,
  };
}

/** Whether a file whose bars gave way to others, or were replaced by them, is to have its way now. */
function replacesNow(standing: StandingTask, plan: TaskPlan | null): boolean {
  if (plan?.onConflict !== 'replace') return false;
  const gaveWay = standing.plan?.onConflict === 'keep' && (standing.rowsConflict ?? 0) > 0;
  return gaveWay || standing.isOverruled;
}

function decideFault(standing: StandingTask, sameContent: boolean): Decision {
  const { state, plan } = standing;
  if (state === 'pending') return { step: 'refresh', plan };
  if (state === 'failed') return sameContent ? { step: 'keep', plan } : { step: 'requeue', plan };
  // What was loaded from these very bytes stays loaded, whatever a listing says of them today.
  if (state === 'loaded') return sameContent ? { step: 'keep', plan } : { step: 'replace', plan };
  return { step: 'keep', plan };
}

/**
 * The find as its bars were read before, where nobody says now how it is to be read: a guess of ours moves no bar to
 * another series. A file that has changed may be guessed anew, unless somebody said it then.
 */
export function asReadBefore(
  { state, etag, layout, lane, sequence, plan }: StandingTask,
  found: FoundTask,
  { isNamed }: ListingWish,
): FoundTask {
  if (isNamed || plan === null || found.plan === null || (state !== 'loaded' && state !== 'skipped'))
    return found;
  if (etag !== found.etag && plan.named !== true) return found;
  const { venue, symbol, intervalS, shape, order, grid, sessionZone, aliases, calendar, named } = plan;
  const { fileFromUs, fileToUs } = plan;
  // A filter is for files of many symbols, by either reading.
  const { wantSymbols } = symbol === null && found.plan.symbol !== null ? plan : found.plan;
  return {
    ...found,
    layout,
    lane,
    sequence,
    plan: {
      ...found.plan,
      ...{ venue, symbol, intervalS, order, grid, sessionZone, fileFromUs, fileToUs },
      wantSymbols: symbol === null ? wantSymbols : null,
      shape: asExactAs(found.plan.shape, shape),
      ...(aliases !== undefined && { aliases }),
      ...(calendar !== undefined && { calendar }),
      ...(named !== undefined && { named }),
    },
  };
}

/** The find under the name that the file's bars stand under, where that is another spelling of its symbol. */
export function underStandingName(standing: StandingTask, found: FoundTask): FoundTask {
  const symbol = standing.plan?.symbol;
  if (found.plan === null || symbol == null || symbol === found.plan.symbol) return found;
  if (found.plan.venue !== standing.plan?.venue || found.plan.intervalS !== standing.plan.intervalS)
    return found;
  if (found.spellings?.includes(symbol) !== true) return found;
  return { ...found, lane: standing.lane, plan: { ...found.plan, symbol } };
}

/**
 * Decides what becomes of a find. Same content and nothing more asked for: a loaded task stays loaded, a failed one
 * failed (a plan that differs in any way is another try), a pending one takes the new plan. A running one is left to
 * its owner. A skipped one was unloaded: it stays away as a loaded one stays.
 */
export function decide(
  standing: StandingTask | undefined,
  found: FoundTask,
  { reload }: Pick<ListingWish, 'reload'> = PLAIN_LISTING,
): Decision {
  if (standing === undefined) return { step: 'add', plan: found.plan };
  const sameContent = standing.etag === found.etag;
  if (found.fault != null) return decideFault(standing, sameContent);
  const plan = widenPlan(standing.plan, found.plan);
  const samePlan = isDeepStrictEqual(plan, standing.plan);
  const samePlace =
    standing.layout === found.layout && standing.lane === found.lane && standing.sequence === found.sequence;
  const step = ((): Step => {
    switch (standing.state) {
      case 'running':
        return 'keep';
      case 'pending':
        return sameContent && samePlan && samePlace ? 'keep' : 'refresh';
      case 'failed':
        return !reload && sameContent && samePlan && standing.layout === found.layout ? 'keep' : 'requeue';
      case 'loaded':
      case 'skipped': {
        const before = reading(standing.layout, standing.plan);
        const now = reading(found.layout, plan);
        const again = standing.state === 'loaded' ? 'replace' : 'restore';
        const isSame = sameContent && isDeepStrictEqual(now, before);
        return isSame && !reload && !replacesNow(standing, plan) ? 'keep' : again;
      }
    }
  })();
  return { step, plan };
}
