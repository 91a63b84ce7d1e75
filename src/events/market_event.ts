/** What happens to a company's shares and its name. */

/** Days since 1970-01-01 of the market's own calendar: the first day on which it holds (the ex-date). */
export type Day = number;

interface Dated {
  readonly venue: string;
  readonly symbol: string;
  readonly day: Day;
}

/** `ratio`: shares after it for each one before; 4 for a 4:1 split, 0.1 where ten become one. */
export interface Split extends Dated {
  readonly kind: 'split';
  readonly ratio: number;
}

/** `amount`: cash a share; `isAdjusted`: of a share as later splits have left it, as Yahoo tells it. */
export interface Dividend extends Dated {
  readonly kind: 'dividend';
  readonly amount: number;
  readonly currency: string | null;
  readonly isAdjusted: boolean;
}

/** From this day on `symbol` is called `newSymbol`. */
export interface Rename extends Dated {
  readonly kind: 'rename';
  readonly newSymbol: string;
}

export type MarketEvent = Split | Dividend | Rename;

/** One of a kind for a symbol and a day: what tells an event from all others. */
export function keyOfEvent({ venue, symbol, kind, day }: MarketEvent): string {
  return `${kind} ${day} ${venue}\n${symbol}`;
}

/** Whether two events of one key say the same. */
export function sameEvent(a: MarketEvent, b: MarketEvent): boolean {
  if (a.kind === 'split' && b.kind === 'split') return a.ratio === b.ratio;
  if (a.kind === 'rename' && b.kind === 'rename') return a.newSymbol === b.newSymbol;
  return (
    a.kind === 'dividend' &&
    b.kind === 'dividend' &&
    a.amount === b.amount &&
    a.currency === b.currency &&
    a.isAdjusted === b.isAdjusted
  );
}

const DAY_MS = 86_400_000;

/** `2020-08-31`. */
export function dayText(day: Day): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The day of `2020-08-31`, whatever time of day stands behind it; null for anything else, and for a 31st of June. */
export function dayOf(text: string): Day | null {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}T00:00:00Z`);
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(match[1]!)) return null;
  return ms / DAY_MS;
}

/** `4:1`, `1:10`, `3:2`; of a ratio no small whole numbers make, the number. */
function ratioText(ratio: number): string {
  for (let before = 1; before <= 100; before++) {
    const after = ratio * before;
    if (after >= 0.5 && Math.abs(after - Math.round(after)) < 1e-9 * after)
      return `${Math.round(after)}:${before}`;
  }
  return String(ratio);
}

/** `4:1 split`, `0.82 USD dividend`, `becomes META`. */
export function eventText(event: MarketEvent): string {
  switch (event.kind) {
    case 'split':
      return `${ratioText(event.ratio)} split`;
    case 'dividend':
      return `${event.amount}${event.currency === null ? '' : ` ${event.currency}`} dividend`;
    case 'rename':
      return `becomes ${event.newSymbol}`;
  }
}
