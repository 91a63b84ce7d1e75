import { describe, expect, it } from 'vitest';
import type { FillSummary } from '../../src/gaps/fill.ts';
import type { Gap } from '../../src/gaps/gap_store.ts';
import { GapTally } from '../../src/gaps/gap_tally.ts';
import { fillLines, gapLines, gapSum, nothingFilled } from '../../src/ui/gap_text.ts';
import { at } from '../gaps/loaded_market.ts';

const GAP: Gap = {
  gapId: 1,
  seriesId: 1,
  venue: 'kraken',
  symbol: 'XBTUSD',
  intervalS: 3600,
  fromUs: at('2024-04-01Z'),
  toUs: at('2024-07-01Z'),
  candles: 2184,
  state: 'unfillable',
  candlesFromNow: 9000,
  overflow: 8280,
  file: 'Kraken_OHLCVT_2024Q2.zip › XBTUSD_60.csv',
  files: 1,
  error: null,
  detectedUs: 0,
  changedUs: 0,
};

const FILL: FillSummary = {
  type: 'fill',
  gaps: 3,
  candles: 300,
  filled: 1,
  partly: 1,
  candlesFilled: 150,
  failed: 0,
  sources: 2,
  remaining: [GAP],
  load: null,
};

const tally = (...gaps: Gap[]): GapTally => new GapTally(gaps);

describe('gaps as text', () => {
  it('fit a terminal: what is told of each depends on its width, and nothing of it is cut', () => {
    expect(gapLines([GAP], tally(GAP), Number.POSITIVE_INFINITY)[1]).toBe(
      'kraken XBTUSD 1h  2024-04-01 00:00  2024-07-01 00:00    2,184     9,000     8,280  unfillable  Kraken_OHLCVT_2024Q2.zip › XBTUSD_60.csv',
    );
    expect(gapLines([{ ...GAP, files: 3 }], tally(GAP), 130)[1]).toBe(
      'XBTUSD 1h  2024-04-01 00:00  2024-07-01 00:00    2,184     8,280  unfillable  Kraken_OHLCVT_2024Q2.zip +2',
    );
    expect(gapLines([GAP], tally(GAP), 80)).toEqual([
      'series     from              to                missing  overflow  state',
      'XBTUSD 1h  2024-04-01 00:00  2024-07-01 00:00    2,184     8,280  unfillable',
      'A wider terminal, --json and --csv tell the files too.',
    ]);
    const elsewhere = { ...GAP, venue: 'binance', file: 'data/spot/monthly/X-1h-2024-04.zip' };
    expect(gapLines([GAP], tally(GAP, elsewhere), 130).slice(1)).toEqual([
      'kraken XBTUSD 1h  2024-04-01 00:00  2024-07-01 00:00    2,184     8,280  unfillable  Kraken_OHLCVT_2024Q2.zip',
      '… and 1 more: --json and --csv have all',
    ]);
    expect(gapLines([elsewhere], tally(elsewhere), 130)[1]).toMatch(/ {2}X-1h-2024-04\.zip$/);
  });

  it('sum up what is missing, not what was filled', () => {
    const filled = { ...GAP, state: 'filled' as const };
    const near = { ...GAP, overflow: 0, candles: 5, seriesId: 2 };
    expect(gapSum(tally(GAP, near, filled, filled), null)).toBe(
      '2 gaps in 2 series, 2,189 bars missing: 1 within the reach of an API, 1 in files, or slowly by --api kraken-trades; 2 filled gaps',
    );
    expect(gapSum(tally(filled), null)).toBe('No open gap; 1 filled gap');
    expect(gapSum(tally({ ...GAP, venue: 'binance', overflow: null }), null)).toMatch(/: 1 only in files$/);
    expect(gapSum(tally(GAP), 7)).toBe(
      '1 gap in 1 of 7 series, 2,184 bars missing: 1 in files, or slowly by --api kraken-trades',
    );
  });

  it('tell what a fill has filled, and in one line when it is nothing', () => {
    expect(fillLines(FILL, 9, 130).slice(0, 2)).toEqual([
      '1 of 3 gaps filled, 1 in part; 150 bars covered that were not',
      'still open: 1 gap in 1 series, 2,184 bars missing: 1 in files, or slowly by --api kraken-trades',
    ]);
    const vain = { ...FILL, filled: 0, partly: 0, candlesFilled: 0 };
    expect(nothingFilled(FILL)).toBeNull();
    expect(nothingFilled({ ...vain, failed: 1 })).toBeNull();
    expect(nothingFilled(vain)).toBe('nothing in 2 answers covers any of 3 open gaps: nothing was changed');
    expect(nothingFilled({ ...vain, sources: 0 })).toBe(
      'nothing here covers any of 3 open gaps: nothing was changed',
    );
  });
});
