/** What `events` says. */

import { count, counted } from '../base/quantities.ts';
import type { EventSummary } from '../events/change_events.ts';
import type { StandingEvent } from '../events/event_table.ts';
import { dayText, eventText, type MarketEvent } from '../events/market_event.ts';
import type { Swap } from '../events/swaps.ts';
import type { SplitMarket } from '../series/market_of_two_series.ts';
import { seriesText } from '../state/series/series_name.ts';
import { fileText } from './fault_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { sanitise } from './text.ts';

/** Names of symbols nobody has that are told; --json tells all. */
const SYMBOLS_NAMED = 5;

/** Events as a table, at most `most` of them. `width` is the terminal's. */
export function eventLines(
  events: readonly StandingEvent[],
  most: number,
  width: number,
  style: Style = PLAIN,
): string[] {
  if (events.length === 0) return [];
  const rows = events
    .slice(0, most)
    .map(({ event, source }) => [
      sanitise(event.venue),
      sanitise(event.symbol),
      dayText(event.day),
      sanitise(eventText(event)),
      fileText(source, null),
    ]);
  const titles = [
    { title: 'venue' },
    { title: 'symbol' },
    { title: 'day' },
    { title: 'event' },
    { title: 'file', cut: 'start' as const },
  ];
  const more = events.length - most;
  return [
    ...tableLines(titles, rows, width, style),
    ...(more > 0 ? [`… and ${count(more)} more: --json has all`] : []),
  ];
}

/** An event for `--json`: names as the columns of table `event`. */
export function eventJson(event: MarketEvent, more: object): { type: string } {
  return { type: 'event', ...event, day: dayText(event.day), ...more } as unknown as { type: string };
}

export function eventSummaryLines(summary: EventSummary, dryRun: boolean): string[] {
  const { events, added, changed, removed, equal, series, recomputed, joined, interrupted } = summary;
  if (interrupted) return ['Interrupted: what was computed stands. The same command goes on.'];
  const parts = [
    `${count(added)} new`,
    ...(changed > 0 ? [`${count(changed)} changed`] : []),
    ...(removed > 0 ? [`${count(removed)} taken out, which the file no longer has`] : []),
    ...(equal > 0 ? [`${count(equal)} known`] : []),
  ];
  return [
    `${counted(events, 'event')}: ${parts.join(', ')}.${dryRun ? ' Nothing was changed.' : ''}`,
    ...(series === 0 ? [] : [computedLine(series, recomputed, dryRun)]),
    ...(joined === 0 ? [] : [`${counted(joined, 'bar')} of old names joined to those of the new ones.`]),
    ...unknownLines(summary),
    ...summary.swaps.slice(0, SYMBOLS_NAMED).map(swapLine),
  ];
}

function swapLine({ venue, symbols, day }: Swap): string {
  const names = symbols.map(sanitise).join(' and ');
  return `${sanitise(venue)} ${names} take each other's names on ${day}: bars stay under the names they came with.`;
}

function unknownLines({ unknownSymbols: symbols, venuesThatHaveThem: venues }: EventSummary): string[] {
  if (symbols.length === 0) return [];
  const named = symbols.slice(0, SYMBOLS_NAMED).map(sanitise).join(', ');
  const rest = symbols.length > SYMBOLS_NAMED ? ` and ${count(symbols.length - SYMBOLS_NAMED)} more` : '';
  return [
    `No bars yet of ${named}${rest}: kept for when they come.`,
    ...(venues.length === 0
      ? []
      : [
          `Bars of such symbols stand at ${venues.map(sanitise).join(', ')}: --venue says whose events these are.`,
        ]),
  ];
}

function computedLine(series: number, recomputed: number, dryRun: boolean): string {
  const behind = `indicators of ${counted(series, 'series', 'series')} behind splits`;
  return dryRun
    ? `It would compute the ${behind} again.`
    : `Computed again: the ${behind}, ${counted(recomputed, 'row')} changed.`;
}

/** Bars of a renamed company that stand under its later name now. */
export function joinedLine({ keep, others }: SplitMarket, bars: number): string {
  const names = others.map(({ symbol }) => sanitise(symbol)).join(' and ');
  return `${names} is ${sanitise(seriesText(keep))} now: ${counted(bars, 'bar')} from before its rename joined.`;
}
