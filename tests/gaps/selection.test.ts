import { describe, expect, it } from 'vitest';
import { GapSelection, placeKey, ruleOf, type WantedSeries } from '../../src/gaps/selection.ts';
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
  former: [],
  ownFromUs: Number.NEGATIVE_INFINITY,
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

describe('names from before', () => {
  const FOREVER = Number.POSITIVE_INFINITY;
  const renamed: WantedSeries = {
    ...wanted,
    venue: 'us',
    symbol: 'META',
    intervalS: 86_400,
    missing: [range('2021-03-01Z', '2021-04-01Z'), range('2023-03-01Z', '2023-04-01Z')],
    beforeUs: at('2021-02-26Z'),
    afterUs: at('2023-04-03Z'),
    former: [{ symbol: 'FB', ...range('2013-01-01Z', '2022-06-09Z'), isJoined: true }],
    // Till then another company was called so.
    ownFromUs: at('2022-01-31Z'),
  };
  const own = (symbol: string, over: Partial<PlannedTask> = {}): PlannedTask =>
    ({
      ...task('1', 'mine'),
      lane: `us/${symbol}/86400`,
      plan: samplePlan({ venue: 'us', symbol, intervalS: 86_400, fileFromUs: null, fileToUs: null }),
      ...over,
    }) as PlannedTask;
  const shared = (from: string, to: string, names: readonly string[]): PlannedTask => {
    const wantSymbols = Object.fromEntries(names.map((name) => [name, name]));
    const { fromUs: fileFromUs, toUs: fileToUs } = range(from, to);
    const plan = samplePlan({
      venue: 'us',
      symbol: null,
      intervalS: 86_400,
      fileFromUs,
      fileToUs,
      wantSymbols,
    });
    return { ...own('*'), plan } as PlannedTask;
  };

  it('a file is wanted under each name in its time, and no further', () => {
    const { select } = new GapSelection([renamed]);
    expect(select(own('FB'))).toEqual({ fromUs: at('2021-02-26Z'), toUs: at('2022-06-09Z') });
    expect(select(own('META'))).toEqual({ fromUs: at('2022-01-31Z'), toUs: at('2023-04-03Z') });
    expect(select(own('METV'))).toBeNull();
    // Of files whose names tell their time.
    const dated = (symbol: string, from: string, to: string): PlannedTask => {
      const { fromUs: fileFromUs, toUs: fileToUs } = range(from, to);
      const plan = samplePlan({ venue: 'us', symbol, intervalS: 86_400, fileFromUs, fileToUs });
      return own(symbol, { plan });
    };
    expect(select(dated('FB', '2021-01-01Z', '2022-01-01Z'))).toEqual({
      fromUs: at('2021-03-01Z'),
      toUs: at('2021-04-01Z'),
    });
    expect(select(dated('FB', '2023-01-01Z', '2024-01-01Z'))).toBeNull();
    expect(select(dated('META', '2021-01-01Z', '2022-01-01Z'))).toBeNull();
  });

  it('a file of who bears the old name now serves both companies', () => {
    const newcomer: WantedSeries = {
      ...renamed,
      symbol: 'FB',
      missing: [range('2025-07-01Z', '2025-08-01Z')],
      beforeUs: null,
      afterUs: null,
      former: [],
      ownFromUs: Number.NEGATIVE_INFINITY,
    };
    const { select } = new GapSelection([renamed, newcomer]);
    expect(select(own('FB'))).toEqual({ fromUs: at('2021-02-26Z'), toUs: at('2025-08-01Z') });
  });

  it('another spelling of a former name is that name, where nothing stands under it', () => {
    const pair: WantedSeries = {
      ...wanted,
      symbol: 'NEWUSD',
      former: [{ symbol: 'XBTOLD', fromUs: -FOREVER, toUs: at('2024-03-15Z'), isJoined: false }],
    };
    const plan = samplePlan({ symbol: 'BTCOLD', fileFromUs: null, fileToUs: null });
    const found = { ...task('1', 'mine'), lane: 'kraken/BTCOLD/3600', plan, spellings: ['XBTOLD', 'BTCOLD'] };
    expect(new GapSelection([pair]).select(found)).toEqual({
      fromUs: pair.beforeUs,
      toUs: at('2024-03-15Z'),
    });
  });

  it('of files of all symbols each record is asked for under the name it had then', () => {
    const { select } = new GapSelection([renamed]);
    const left = (from: string, to: string): string[] => {
      const want = select(shared(from, to, ['FB', 'META']));
      return ['FB', 'META'].filter((name) => want?.without?.has(name) === false);
    };
    expect(left('2021-03-02Z', '2021-03-03Z')).toEqual(['FB']);
    expect(left('2023-03-02Z', '2023-03-03Z')).toEqual(['META']);
    expect(left('2021-03-02Z', '2023-03-03Z')).toEqual(['FB', 'META']);
    // Whatever was asked for is another company's then.
    expect(select(shared('2021-03-02Z', '2021-03-03Z', ['META']))).toBeNull();
  });
});
