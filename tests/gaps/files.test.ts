import { describe, expect, it } from 'vitest';
import { publishedFiles, publishedName } from '../../src/gaps/published_files.ts';
import { range } from './loaded_market.ts';

const now = Date.parse('2026-11-22T12:00Z') * 1000;

function names(venue: string, symbol: string, intervalS: number, from: string, to: string): string[] {
  return [...publishedFiles({ venue, symbol, intervalS }, range(from, to), now)].map(publishedName);
}

describe('files that hold a range', () => {
  it("of Kraken are its quarters' zips, with the entry", () => {
    expect(names('kraken', 'XBTUSD', 3600, '2024-05-05Z', '2024-05-06Z')).toEqual([
      'Kraken_OHLCVT_2024Q2.zip › XBTUSD_60.csv',
    ]);
    expect(names('kraken', 'ETHUSD', 86_400, '2023-12-31Z', '2024-04-01Z')).toEqual([
      'Kraken_OHLCVT_2023Q4.zip › ETHUSD_1440.csv',
      'Kraken_OHLCVT_2024Q1.zip › ETHUSD_1440.csv',
    ]);
  });

  it('of Binance are a zip a month, and a zip a day of the month that is not over', () => {
    expect(names('binance', 'BTCUSDT', 3600, '2026-09-10Z', '2026-10-02Z')).toEqual([
      'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-09.zip',
      'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-10.zip',
    ]);
    expect(names('binance-um', 'ALGOUSDT', 60, '2026-10-31T23:00Z', '2026-11-02T01:00Z')).toEqual([
      'data/futures/um/monthly/klines/ALGOUSDT/1m/ALGOUSDT-1m-2026-10.zip',
      'data/futures/um/daily/klines/ALGOUSDT/1m/ALGOUSDT-1m-2026-11-01.zip',
      'data/futures/um/daily/klines/ALGOUSDT/1m/ALGOUSDT-1m-2026-11-02.zip',
    ]);
    expect(names('binance-cm-mark', 'BTCUSD_PERP', 2_592_000, '2024-01-01Z', '2024-02-01Z')).toEqual([
      'data/futures/cm/monthly/markPriceKlines/BTCUSD_PERP/1mo/BTCUSD_PERP-1mo-2024-01.zip',
    ]);
  });

  it('of Massive are a file a day of its market, by the days of New York for its exchanges', () => {
    // A Thursday holiday, a weekend.
    expect(names('us_stocks_sip', 'AAPL', 60, '2024-07-03T13:30Z', '2024-07-08T20:00Z')).toEqual([
      'us_stocks_sip/minute_aggs_v1/2024/07/2024-07-03.csv.gz',
      'us_stocks_sip/minute_aggs_v1/2024/07/2024-07-05.csv.gz',
      'us_stocks_sip/minute_aggs_v1/2024/07/2024-07-08.csv.gz',
    ]);
    expect(names('us_stocks_sip', 'AAPL', 86_400, '2024-07-03T04:00Z', '2024-07-04T04:00Z')).toEqual([
      'us_stocks_sip/day_aggs_v1/2024/07/2024-07-03.csv.gz',
    ]);
    expect(names('global_crypto', 'X:BTCUSD', 60, '2024-07-06T00:00Z', '2024-07-07T00:00Z')).toEqual([
      'global_crypto/minute_aggs_v1/2024/07/2024-07-06.csv.gz',
    ]);
    expect(names('global_forex', 'C:EURUSD', 60, '2024-07-05T20:00Z', '2024-07-08T00:00Z')).toEqual([
      'global_forex/minute_aggs_v1/2024/07/2024-07-05.csv.gz',
      'global_forex/minute_aggs_v1/2024/07/2024-07-07.csv.gz',
    ]);
  });

  it('of venues whose names nobody knows are none', () => {
    expect(names('bitstamp', 'ETHUSD', 86_400, '2024-07-05Z', '2024-07-08Z')).toEqual([]);
  });
});
