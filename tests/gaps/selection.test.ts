import { expect, it } from 'vitest';
import { GapSelection, placeKey, ruleOf } from '../../src/gaps/selection.ts';
import type { PlannedTask } from '../../src/producer/planning/found_task.ts';
import { samplePlan } from '../state/sample_tasks.ts';
import { at, range } from './loaded_market.ts';

const wanted = {
  venue: 'kraken',
  symbol: 'XBTUSD',
  intervalS: 3600,
  missing: [range('2024-03-01Z', '2024-04-01Z')],
  beforeUs: at('2024-02-29T23:00Z'),
  afterUs: null,
  openUs: [],
};

/** A file whose name tells nothing of its range. */
function task(etag: string, layout: string): PlannedTask {
  const plan = samplePlan({ symbol: 'XBTUSD', fileFromUs: null, fileToUs: null });
  return {
    uri: 'file:///d/XBTUSD_60.csv',
    entry: null,
    etag,
    layout,
    lane: 'kraken/XBTUSD/3600',
    sequence: null,
    plan,
  } as PlannedTask;
}

it('a file that was loaded whole is not looked into again, until it changes or is read by another layout', () => {
  const whole = new Map([[placeKey('file:///d/XBTUSD_60.csv', null), ruleOf('7', 'kraken-ohlcvt')]]);
  const selection = new GapSelection([wanted], whole);
  expect(selection.select(task('7', 'kraken-ohlcvt'))).toBeNull();
  expect(selection.selected).toEqual([]);
  for (const [etag, layout] of [
    ['8', 'kraken-ohlcvt'],
    ['7', 'mine'],
  ] as const)
    expect(selection.select(task(etag, layout))).toEqual({
      fromUs: wanted.beforeUs,
      toUs: at('2024-04-01Z'),
    });
  expect(selection.selected).toHaveLength(2);
});
