/** What `validate` says: findings as a table and as JSON events. */

import { count, counted, instant, interval } from '../base/quantities.ts';
import { CHECK_TEXTS, type Finding } from '../validate/findings.ts';
import type { Validation } from '../validate/validate.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { sanitise } from './text.ts';

/** The findings, at most `most`, and what was checked. */
export function validationLines(
  done: Validation,
  most: number,
  width: number,
  style: Style = PLAIN,
): string[] {
  const { findings, made, series } = done;
  const sound = made.filter((check) => findings.every((finding) => finding.check !== check));
  const checked = sound.map((check) => `${style.green('✓')} ${check.padEnd(9)} ${CHECK_TEXTS[check]}`);
  if (findings.length === 0)
    return [...checked, '', style.green(`${counted(series, 'series', 'series')}: nothing found`)];
  const rows = findings.slice(0, most).flatMap(rowsOf);
  const more = findings.length - Math.min(most, findings.length);
  return [
    ...tableLines(
      [
        { title: 'check' },
        { title: 'series', cut: 'start' },
        { title: 'found', align: 'right' },
        { title: 'what' },
        { title: 'worst at' },
        { title: 'there' },
      ],
      rows,
      width,
      style,
    ),
    ...(more > 0 ? [`… and ${count(more)} more: --json has all`] : []),
    ...eventHint(findings, style),
    '',
    ...checked,
    '',
    style.yellow(`${counted(findings.length, 'finding')} in ${counted(series, 'series', 'series')}`),
  ];
}

/** What tells the first of the splits that no event explains. */
function eventHint(findings: readonly Finding[], style: Style): string[] {
  const split = findings.find(({ kind }) => kind === 'split');
  const [example] = split?.examples ?? [];
  if (split === undefined || example === undefined) return [];
  const day = instant(example.atUs).slice(0, 10);
  const ratio = /(\d+:\d+) split/.exec(example.text)?.[1] ?? '';
  const line = sanitise(`${split.venue},${split.symbol},${day},split,${ratio}`);
  return [
    style.cyan(
      `npx backhaul events load splits.csv, a file of lines as ${line} below venue,symbol,date,event,value, makes indicators run on through splits`,
    ),
  ];
}

/** A line for the worst example; of splits, which are asked for by their days, a line each. */
function rowsOf(finding: Finding): string[][] {
  const { examples, kind } = finding;
  const [first, ...others] = examples.map(({ atUs, text }) => [instant(atUs), sanitise(text)]);
  const head = [finding.check, seriesOf(finding), count(finding.count), sanitise(finding.text)];
  const rows = [[...head, ...(first ?? ['', ''])]];
  return kind === 'split' ? [...rows, ...others.map((one) => ['', '', '', '', ...one])] : rows;
}

function seriesOf({ venue, symbol, intervalS }: Finding): string {
  return sanitise(`${venue} ${symbol ?? '*'} ${interval(intervalS)}`);
}

type Event = { readonly type: string } & Record<string, unknown>;

export function* validationEvents(done: Validation): Iterable<Event> {
  for (const { examples, ...finding } of done.findings) {
    yield { type: 'finding', ...finding, examples: examples.map(({ atUs, text }) => ({ atTs: atUs, text })) };
  }
  yield { type: 'validation', series: done.series, checks: done.made, findings: done.findings.length };
}
