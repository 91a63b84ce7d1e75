/**
 * A few real records of every layout of the catalogue, where they are from, and what they mean. Files of their vendors, in
 * public repositories, the vendors' own pages, and `../shared`.
 */

export interface Sample {
  readonly layout: string;
  readonly path: string;
  readonly text: string;
  /** `venue symbol interval first-stamp close volume`, of the earliest bar. */
  readonly first: string;
  readonly bars: number;
  /** Of stamps that name none, for a draft. */
  readonly zone?: string;
}

export const SAMPLES: readonly Sample[] = [
  {
    layout: 'massive-aggs', // massive.com/docs/flat-files
    path: 'us_stocks_sip/minute_aggs_v1/2025/03/2025-03-10.csv.gz',
    text: 'ticker,volume,open,close,high,low,window_start,transactions\nAAPL,4930,200.29,200.5,200.63,200.29,1741593600000000000,129\nAAPL,1815,200.39,200.34,200.61,200.34,1741593660000000000,57\n',
    first: 'us_stocks_sip AAPL 1m 2025-03-10T08:00:00 200.5 4930',
    bars: 2,
  },
  {
    layout: 'massive-indices', // ../shared/cases/massive-indices
    path: 'us_indices/minute_aggs_v1/2023/03/2023-03-28.csv.gz',
    text: 'ticker,open,close,high,low,window_start\nI:A1BSC,469.7,469.7,469.7,469.7,1680012000000000000\n',
    first: 'us_indices I:A1BSC 1m 2023-03-28T14:00:00 469.7 null',
    bars: 1,
  },
  {
    layout: 'massive-futures', // massive.com/docs/flat-files
    path: 'us_futures_cme/minute_aggs_v1/2026/07/2026-07-14.csv.gz',
    text: 'ticker,exchange,volume,open,close,high,low,settlement_price,transactions,dollar_volume,window_start,session_end_date\nESU6,4,12,6300.25,6300.5,6301,6300,,9,3780,1784008800000000000,2026-07-14\n',
    first: 'us_futures_cme ESU6 1m 2026-07-14T06:00:00 6300.5 12',
    bars: 1,
  },
  {
    layout: 'massive-sessions', // massive.com/docs/flat-files
    path: 'us_futures_cme/session_aggs_v1/2026/07/2026-07-14.csv.gz',
    text: 'ticker,exchange,volume,open,close,high,low,settlement_price,transactions,dollar_volume,window_start,session_end_date\nESU6,4,1200,6300.25,6310.5,6312,6290,6310,900,3780,1783980000000000000,2026-07-14\n',
    first: 'us_futures_cme ESU6 1d 2026-07-14T05:00:00 6310.5 1200',
    bars: 1,
  },
  {
    layout: 'binance-mark', // github.com/binance/binance-public-data
    path: 'data/futures/um/daily/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2023-08-09.csv',
    text: 'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n1691539200000,29752.30000000,29752.40000000,29740.00000000,29741.90000000,0,1691539259999,0,60,0,0,0\n1691539260000,29741.90000000,29745.00000000,29741.00000000,29744.80000000,0,1691539319999,0,60,0,0,0\n',
    first: 'binance-um-mark BTCUSDT 1m 2023-08-09T00:00:00 29741.9 null',
    bars: 2,
  },
  {
    layout: 'binance-premium', // the same
    path: 'data/futures/um/daily/premiumIndexKlines/BTCUSDT/1m/BTCUSDT-1m-2023-08-09.csv',
    text: '1691539200000,-0.00030451,-0.00021042,-0.00038000,-0.00027719,0,1691539259999,0,12,0,0,0\n1691539260000,-0.00027719,-0.00021042,-0.00028000,-0.00021719,0,1691539319999,0,12,0,0,0\n',
    first: 'binance-um-premium BTCUSDT 1m 2023-08-09T00:00:00 -0.00027719 null',
    bars: 2,
  },
  {
    layout: 'binance-klines', // the same; microseconds
    path: 'data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2025-01.csv',
    text: '1735689600000000,93576.00000000,95151.15000000,92888.00000000,94591.79000000,10373.32613000,1735775999999999,975444194.13799830,1516556,5347.73648000,502914035.64059070,0\n1735776000000000,94591.78000000,97839.50000000,94392.00000000,96984.79000000,21970.48948000,1735862399999999,2118857150.80196750,3569079,11115.00000000,1070000000.00000000,0\n',
    first: 'binance BTCUSDT 1d 2025-01-01T00:00:00 94591.79 10373.32613',
    bars: 2,
  },
  {
    layout: 'kraken-ohlcvt', // ../shared/data/kraken-ohlcvt
    path: 'XBTUSD_60.csv',
    text: '1381093200,122.0,122.0,122.0,122.0,0.1,1\n1381176000,123.61,123.61,123.61,123.61,0.1,1\n1381197600,123.91,123.91,123.9,123.9,1.9916,2\n1381201200,124.19,124.19,124.18,124.18,2.0,2\n1381204800,124.0,124.1,124.0,124.1,0.7,1\n',
    first: 'kraken XBTUSD 1h 2013-10-06T21:00:00 122 0.1',
    bars: 5,
  },
  {
    layout: 'cryptodatadownload', // ../shared/data/cryptodatadownload
    path: 'Binance_BTCUSDT_1h.csv',
    text: 'Timestamps are UTC timezone,https://www.CryptoDataDownload.com\nUnix Timestamp,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT\n1599314400.0,2020-09-05 02-PM,BTCUSDT,10306.47,10346.67,10220.01,10327.06,2751.72,28290534.85\n1599310800.0,2020-09-05 01-PM,BTCUSDT,10001.75,10320.81,9997.36,10306.47,5678.82,57863111.33\n',
    first: 'binance BTCUSDT 1h 2020-09-05T13:00:00 10306.47 5678.82',
    bars: 2,
  },
  {
    layout: 'cryptodatadownload', // the same: another spelling
    path: 'Bitstamp_ETHUSD_d.csv',
    text: 'unix,date,symbol,open,high,low,close,Volume ETH,Volume USD\n1634342400,2021-10-16 00:00:00,ETH/USD,3869.68,3870.65,3849.78,3849.78,146.66097439,564612.4859871343\n1634256000,2021-10-15 00:00:00,ETH/USD,3792.25,3904.87,3735.61,3868.99,25266.77915585,97756915.88619208\n',
    first: 'bitstamp ETHUSD 1d 2021-10-15T00:00:00 3868.99 25266.77915585',
    bars: 2,
  },
  {
    layout: 'cryptodatadownload', // the same: dates alone, a volume of the quote currency first
    path: 'Bitfinex_TRXBTC_d.csv',
    text: 'https://www.CryptoDataDownload.com\nDate,Symbol,Open,High,Low,Close,Volume BTC,Volume TRX\n2021-10-17,TRX/BTC,1.62e-06,1.62e-06,1.61e-06,1.61e-06,0.0006941255205248,431.13386368\n2021-10-16,TRX/BTC,1.6e-06,1.64e-06,1.58e-06,1.62e-06,1.4630232697599366,903100.78380243\n',
    first: 'bitfinex TRXBTC 1d 2021-10-16T00:00:00 0.00000162 903100.78380243',
    bars: 2,
  },
  {
    layout: 'bitstamp-kaggle', // kaggle.com/datasets/mczielinski/bitcoin-historical-data
    path: 'bitstampUSD_1-min_data_2012-01-01_to_2021-03-31.csv',
    text: 'Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n1325317920,4.39,4.39,4.39,4.39,0.45558087,2.0000000193,4.39\n1325317980,NaN,NaN,NaN,NaN,NaN,NaN,NaN\n1325318040,NaN,NaN,NaN,NaN,NaN,NaN,NaN\n1325318100,4.39,4.39,4.39,4.39,1.1,4.829,4.39\n',
    first: 'bitstamp BTCUSD 1m 2011-12-31T07:52:00 4.39 0.45558087',
    bars: 2,
  },
  {
    layout: 'bitstamp-kaggle', // the same, since 2021
    path: 'btcusd_1-min_data.csv',
    text: 'Timestamp,Open,High,Low,Close,Volume\n1325412060.0,4.58,4.58,4.58,4.58,0.0\n1325412120.0,4.58,4.58,4.58,4.58,0.5\n',
    first: 'bitstamp BTCUSD 1m 2012-01-01T10:01:00 4.58 0',
    bars: 2,
  },
  {
    layout: 'firstrate', // firstratedata.com/_readme/stock.txt
    path: 'SPY_full_1min_adjsplit.txt',
    text: '2020-01-02 09:30:00,323.54,323.56,323.42,323.47,980115\n2020-01-02 09:31:00,323.48,323.5,323.27,323.29,241533\n',
    first: 'firstrate SPY 1m 2020-01-02T14:30:00 323.47 980115',
    bars: 2,
    zone: 'America/New_York',
  },
  {
    layout: 'stooq-bulk', // stooq.com/db/h
    path: 'data/5 min/us/nasdaq stocks/1/aapl.us.txt',
    text: '<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,5,20260603,154500,312.21,312.36,311.91,311.95,5866,0\nAAPL.US,5,20260603,155000,311.75,312.00,311.75,311.84,1482,0\n',
    first: 'stooq AAPL.US 5m 2026-06-03T13:45:00 311.95 5866',
    bars: 2,
    zone: 'Europe/Warsaw',
  },
  {
    layout: 'stooq-daily', // stooq.com/q/d/l
    path: 'aapl_us_d.csv',
    text: 'Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.89,185.64,82488674\n2024-01-03,184.22,185.88,183.43,184.25,58414460\n',
    first: 'stooq AAPL_US 1d 2024-01-02T00:00:00 185.64 82488674',
    bars: 2,
  },
  {
    layout: 'histdata-ascii', // histdata.com/f-a-q/data-files-detailed-specification
    path: 'DAT_ASCII_EURUSD_M1_201202.csv',
    text: '20120201 000000;1.306600;1.306600;1.306560;1.306560;0\n20120201 000100;1.306570;1.306570;1.306470;1.306560;0\n20120201 000200;1.306520;1.306560;1.306520;1.306560;0\n',
    first: 'histdata EURUSD 1m 2012-02-01T05:00:00 1.30656 null',
    bars: 3,
    zone: 'Etc/GMT+5',
  },
  {
    layout: 'histdata-mt', // the same
    path: 'DAT_MT_EURUSD_M1_201202.csv',
    text: '2012.02.01,00:00,1.306600,1.306600,1.306560,1.306560,0\n2012.02.01,00:01,1.306570,1.306570,1.306470,1.306560,0\n',
    first: 'histdata EURUSD 1m 2012-02-01T05:00:00 1.30656 null',
    bars: 2,
    zone: 'Etc/GMT+5',
  },
  {
    layout: 'dukascopy-jforex', // the export of dukascopy.com
    path: 'EURUSD_Candlestick_1_S_ASK_26.03.2025-26.03.2025.csv',
    text: 'Gmt time,Open,High,Low,Close,Volume\n26.03.2025 00:00:00.000,1.07894,1.07894,1.07888,1.07888,9899.999999999998\n26.03.2025 00:00:01.000,1.07888,1.07888,1.07886,1.07886,8100\n26.03.2025 00:00:02.000,1.07886,1.07886,1.07886,1.07886,2700\n',
    first: 'dukascopy-ask EURUSD 1s 2025-03-26T00:00:00 1.07888 9899.999999999998',
    bars: 3,
  },
  {
    layout: 'dukascopy-local', // the same, of a local clock
    path: 'EURUSD_Candlestick_1_M_BID_01.01.2025-31.12.2025.csv',
    text: 'Local time,Open,High,Low,Close,Volume\n31.12.2024 23:00:00.000 GMT+0100,1.03526,1.03526,1.03526,1.03526,0\n31.12.2024 23:01:00.000 GMT+0100,1.03526,1.03526,1.03526,1.03526,1.5\n',
    first: 'dukascopy EURUSD 1m 2024-12-31T22:00:00 1.03526 0',
    bars: 2,
  },
  {
    layout: 'jforex-eet', // JForex's Historical Data Manager
    path: 'XAUUSD_1 Min_Bid_2003.05.05_2026.05.31.csv',
    text: 'Time (EET),Open,High,Low,Close,Volume \n2020.01.09 01:00:00,1557.152,1557.452,1555.202,1555.302,0.045\n',
    first: 'dukascopy XAUUSD 1m 2020-01-08T23:00:00 1555.302 0.045',
    bars: 1,
  },
  {
    layout: 'jforex-utc', // the same, where the platform is set to UTC
    path: 'EURUSD_15 Mins_Bid_2025.01.01_2025.12.31.csv',
    text: 'Time (UTC),Open,High,Low,Close,Volume \n2025.01.01 22:00:00,1.03503,1.03519,1.03483,1.03485,91.44\n2025.01.01 22:15:00,1.03485,1.03546,1.03485,1.03543,240.6\n',
    first: 'dukascopy EURUSD 15m 2025-01-01T22:00:00 1.03485 91.44',
    bars: 2,
  },
  {
    layout: 'dukascopy-node', // github.com/Leo4815162342/dukascopy-node
    path: 'eurusd-m1-bid-2024-02-26-2024-02-27.csv',
    text: 'timestamp,open,high,low,close\n1708905600000,1.0818,1.0819,1.0817,1.0818\n1708905660000,1.0818,1.0819,1.0817,1.0818\n',
    first: 'dukascopy EURUSD 1m 2024-02-26T00:00:00 1.0818 null',
    bars: 2,
  },
  {
    layout: 'metatrader4', // ../shared/cases/stamps
    path: 'USDJPY_M1.csv',
    text: '2011.12.08,18:49,77.708,77.710,77.702,77.702,30\n2011.12.08,18:50,77.700,77.701,77.693,77.700,19\n',
    first: 'metatrader USDJPY 1m 2011-12-08T18:49:00 77.702 30',
    bars: 2,
  },
  {
    layout: 'metatrader4', // as MetaTrader names what it exports
    path: 'USDJPY60.csv',
    text: '2011.12.08,18:00,77.708,77.710,77.702,77.702,30\n2011.12.08,19:00,77.700,77.701,77.693,77.700,19\n',
    first: 'metatrader USDJPY 1h 2011-12-08T18:00:00 77.702 30',
    bars: 2,
  },
  {
    layout: 'metatrader5', // ../shared/cases/stamps
    path: 'EURUSD_M1_202301020000_202312292359.csv',
    text: '<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2023.01.02\t00:00:00\t1.06989\t1.07010\t1.06985\t1.07003\t45\t0\t12\n2023.01.02\t00:01:00\t1.07003\t1.07010\t1.06990\t1.06991\t31\t0\t12\n',
    first: 'metatrader EURUSD 1m 2023-01-02T00:00:00 1.07003 45',
    bars: 2,
  },
  {
    layout: 'metatrader5-daily', // the same of days
    path: 'EURUSD_Daily_202301020000_202312290000.csv',
    text: '<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2023.01.02\t1.06989\t1.07010\t1.06485\t1.06678\t45012\t0\t0\n2023.01.03\t1.06678\t1.06832\t1.05195\t1.05496\t81000\t0\t0\n',
    first: 'metatrader EURUSD 1d 2023-01-02T00:00:00 1.06678 45012',
    bars: 2,
  },
  {
    layout: 'databento-pretty', // databento.com/docs/schemas-and-data-formats/ohlcv
    path: 'glbx-mdp3-20230403.ohlcv-1m.csv',
    text: 'ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n2023-04-03T00:00:00.000000000Z,33,1,3403,4135.500000000,4136.000000000,4135.250000000,4135.750000000,105,ESM3\n2023-04-03T00:01:00.000000000Z,33,1,3403,4135.750000000,4136.000000000,4135.250000000,4135.750000000,90,ESM3\n2023-04-03T00:00:00.000000000Z,33,1,999,-0.150000000,-0.100000000,-0.200000000,-0.150000000,3,ESM3-ESU3\n',
    first: 'glbx-mdp3 ESM3 1m 2023-04-03T00:00:00 4135.75 105',
    bars: 3,
  },
  {
    layout: 'databento-raw', // the same as it comes
    path: 'glbx-mdp3-20230403.ohlcv-1m.csv',
    text: 'ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n1680480000000000000,33,1,3403,4135500000000,4136000000000,4135250000000,4135750000000,105,ESM3\n1680480060000000000,33,1,3403,4135750000000,4136000000000,4135250000000,4135750000000,90,ESM3\n',
    first: 'glbx-mdp3 ESM3 1m 2023-04-03T00:00:00 4135.75 105',
    bars: 2,
  },
  {
    layout: 'alpaca', // docs.alpaca.markets, by alpaca-py's data frames
    path: 'bars_of_mine.csv',
    text: 'symbol,timestamp,open,high,low,close,volume,trade_count,vwap\nAAPL,2024-12-11 09:30:00+00:00,247.77,248.00,247.50,247.80,1000.0,50.0,247.77\nAAPL,2024-12-11 09:35:00+00:00,247.80,248.10,247.70,248.00,1200.0,60.0,247.90\nAAPL,2024-12-11 09:40:00+00:00,248.00,248.10,247.70,247.90,1200.0,61.0,247.90\nAAPL,2024-12-11 09:45:00+00:00,247.90,248.10,247.70,248.00,1300.0,62.0,247.90\n',
    first: 'alpaca AAPL 5m 2024-12-11T09:30:00 247.8 1000',
    bars: 4,
  },
  {
    layout: 'alphavantage', // alphavantage.co/documentation
    path: 'intraday_5min_IBM.csv',
    text: 'timestamp,open,high,low,close,volume\n2023-07-20 19:55:00,138.40,138.40,138.40,138.40,10\n2023-07-20 19:50:00,138.38,138.40,138.38,138.40,26\n',
    first: 'alphavantage IBM 5m 2023-07-20T23:50:00 138.4 26',
    bars: 2,
    zone: 'America/New_York',
  },
  {
    layout: 'alphavantage', // the same of days, adjusted
    path: 'daily_adjusted_IBM.csv',
    text: 'timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n2020-08-31,444.61,500.14,440.11,498.32,498.32,115847020,0.0000,5.0000\n2020-08-28,459.02,463.70,437.30,442.68,442.68,20081200,0.0000,1.0000\n',
    first: 'alphavantage IBM 1d 2020-08-28T04:00:00 442.68 20081200',
    bars: 2,
    zone: 'America/New_York',
  },
  {
    layout: 'yahoo', // ../shared/cases/splits
    path: 'YHOO_1d.txt',
    text: 'Date,Open,High,Low,Close,Adj Close,Volume\n1996-04-12,1.052083,1.791667,1.020833,1.375000,1.375000,408720000\n1996-04-15,1.489583,1.500000,1.250000,1.343750,1.343750,79219200\n1996-04-16,1.343750,1.343750,1.166667,1.197917,1.197917,48016000\n1996-04-17,1.197917,1.197917,1.083333,1.177083,1.177083,42816000\n',
    first: 'yahoo YHOO 1d 1996-04-12T00:00:00 1.375 408720000',
    bars: 4,
  },
  {
    layout: 'yahoo-adjusted', // github.com/ranaroussi/yfinance: Ticker.history
    path: 'AAPL_1d.csv',
    text: 'Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2024-01-02 00:00:00-05:00,186.03,187.32,182.79,184.53,82488700,0.0,0.0\n2024-01-03 00:00:00-05:00,183.12,184.77,182.34,183.15,58414500,0.0,0.0\n',
    first: 'yahoo-adjusted AAPL 1d 2024-01-02T05:00:00 184.53 82488700',
    bars: 2,
  },
  {
    layout: 'yfinance', // the same: download()
    path: 'NVDA.csv',
    text: 'Price,Close,High,Low,Open,Volume\nTicker,NVDA,NVDA,NVDA,NVDA,NVDA\nDate,,,,,\n2024-01-02,48.17,49.10,47.50,48.00,411254000\n2024-01-03,47.58,48.20,47.10,47.90,320896000\n2024-01-04,48.00,48.50,47.51,47.77,306535000\n2024-01-05,49.10,49.55,48.31,48.46,415039000\n',
    first: 'yahoo-adjusted NVDA 1d 2024-01-02T00:00:00 48.17 411254000',
    bars: 4,
  },
  {
    layout: 'tradingview', // the chart export of tradingview.com
    path: 'BATS_AAPL, 1D_60720.csv',
    text: 'time,open,high,low,close,Volume,Volume MA\n1704205800,187.15,188.44,183.89,185.64,82488700,\n1704292200,184.22,185.88,183.43,184.25,58414500,70000000\n1704378600,182.15,183.09,180.88,181.91,71983600,70100000\n',
    first: 'bats AAPL 1d 2024-01-02T14:30:00 185.64 82488700',
    bars: 3,
  },
  {
    layout: 'bybit-mt4', // public.bybit.com/kline_for_metatrader4
    path: 'BTCUSDT_1_2023-01-01_2023-01-31.csv.gz',
    text: '2023.01.01 00:00,16521.5,16526.5,16521.0,16525.0,12.471\n2023.01.01 00:01,16525.0,16525.5,16523.0,16523.5,8.052\n',
    first: 'bybit BTCUSDT 1m 2022-12-31T21:00:00 16525 12.471',
    bars: 2,
    zone: 'Etc/GMT-3',
  },
  {
    layout: 'okx', // okx.com/historical-data
    path: 'ETH-USDT-SWAP-candlesticks-2025-10-23.csv',
    text: 'instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\nETH-USDT-SWAP,3839.44,3843.58,3836.71,3838.16,23503.2,2350.32,9024127.30277,1761148800000,1\nETH-USDT-SWAP,3838.16,3840,3836,3839,1503.2,150.32,577012.3,1761148860000,1\nETH-USDT-SWAP,3839,3840,3836,3839,1503.2,150.32,577012.3,1761148920000,1\nETH-USDT-SWAP,3839,3840,3836,3838,1503.2,150.32,577012.3,1761148980000,1\n',
    first: 'okx ETH-USDT-SWAP 1m 2025-10-22T16:00:00 3838.16 23503.2',
    bars: 4,
  },
  {
    layout: 'lean-equity', // github.com/QuantConnect/Lean, Data/equity
    path: 'data/equity/usa/minute/aapl/20131007_trade.zip/20131007_aapl_minute_trade.csv',
    text: '34200000,4829500,4840000,4829500,4838000,42000\n34260000,4838000,4841000,4837000,4840000,23000\n',
    first: 'lean-usa AAPL 1m 2013-10-07T13:30:00 483.8 42000',
    bars: 2,
  },
  {
    layout: 'lean-equity-daily', // the same
    path: 'data/equity/usa/daily/aapl.zip/aapl.csv',
    text: '20131001 00:00,4781300,4885000,4780000,4879600,12644200\n20131002 00:00,4860100,4913000,4831000,4895600,10296300\n',
    first: 'lean-usa AAPL 1d 2013-10-01T04:00:00 487.96 12644200',
    bars: 2,
  },
  {
    layout: 'lean-crypto', // github.com/QuantConnect/Lean, Data/crypto
    path: 'crypto/coinbase/minute/btcusd/20180404_trade.zip/20180404_btcusd_minute_trade.csv',
    text: '60000,7415.01,7415.01,7415,7415,2.1\n120000,7415,7415.01,7400,7401.5,11.5\n',
    first: 'lean-coinbase BTCUSD 1m 2018-04-04T00:01:00 7415 2.1',
    bars: 2,
  },
  {
    layout: 'freqtrade-json', // github.com/freqtrade/freqtrade, tests/testdata
    path: 'user_data/data/binance/XLM_BTC-5m.json',
    text: '[[1509408000000,0.1,0.2,0.05,0.15,100.5],[1509408300000, 0.15, 0.25, 0.1, 0.2, null],\n[1509408600000,0.2,0.25,0.1,0.2,1]]',
    first: 'binance XLM_BTC 5m 2017-10-31T00:00:00 0.15 100.5',
    bars: 2,
  },
  {
    layout: 'backhaul-export', // `backhaul export --format csv`
    path: 'venue=kraken/interval=1h/year=2024/bars.csv',
    text: 'symbol,interval_s,ts,open,high,low,close,volume,trades,venue\nXBTUSD,3600,2024-03-01T00:00:00.000000Z,1,2,1,2,3,4,kraken\nXBTUSD,3600,2024-03-01T01:00:00.000000Z,2,2,1,1,3,4,kraken\n',
    first: 'kraken XBTUSD 1h 2024-03-01T00:00:00 2 3',
    bars: 2,
  },
  {
    layout: 'backhaul-export', // \\copy of psql 15
    path: 'candles.csv',
    text: 'venue,symbol,interval_s,ts,open,high,low,close,volume,trades,sma_20\nkraken,XBTUSD,3600,2024-03-01 00:00:00+00,1,2,1,2,3,4,\nkraken,XBTUSD,3600,2024-03-01 01:00:00+00,2,2,1,1,3.5,4,1.5\n',
    first: 'kraken XBTUSD 1h 2024-03-01T00:00:00 2 3',
    bars: 2,
  },
  {
    layout: 'bitmex', // github.com/ccxt/ccxt, ts/src/bitmex.ts, fetchOHLCV, as _format=csv writes it
    path: 'bitmex/XBTUSD.csv',
    text: '"timestamp","symbol","open","high","low","close","trades","volume","vwap","lastSize","turnover","homeNotional","foreignNotional"\n"2015-09-25T13:38:00.000Z","XBTUSD",237.45,237.45,237.45,237.45,0,0,,,0,0,0\n"2015-09-25T13:39:00.000Z","XBTUSD",237.45,237.5,237.45,237.5,2,120,237.48,20,50532000,0.5,120\n"2015-09-25T13:40:00.000Z","XBTUSD",237.5,237.5,237.5,237.5,0,0,,,0,0,0\n"2015-09-25T13:41:00.000Z","XBTUSD",237.5,237.5,237.5,237.5,0,0,,,0,0,0\n',
    first: 'bitmex XBTUSD 1m 2015-09-25T13:37:00 237.45 0',
    bars: 4,
  },
  {
    layout: 'tardis-trades', // docs.tardis.dev/downloadable-csv-files/data-types
    path: 'deribit_trades_2020-03-01_OPTIONS.csv',
    text: 'exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nderibit,BTC-PERPETUAL,1583020803145000,1583020803307160,80692110,buy,8628.5,160\nderibit,BTC-PERPETUAL,1583020803005000,1583020803307160,80692109,buy,8628,30\nderibit,ETH-PERPETUAL,1583020799958000,1583020803307161,1,sell,217.5,10\n',
    first: 'deribit ETH-PERPETUAL 1m 2020-02-29T23:59:00 217.5 10',
    bars: 2,
  },
  {
    layout: 'ninjatrader', // ninjatrader-support.com/HelpGuideV6/Import.html
    path: 'ES 12-06.Last.txt',
    text: '20061023 004400;1377.25;1377.25;1377.25;1377.25;86\n20061023 004500;1377.25;1377.25;1377.25;1377.25;27\n20061023 004600;1377.25;1377.25;1377.25;1377.25;24\n20061023 004700;1377.50;1377.50;1377.25;1377.25;82\n',
    first: 'ninjatrader ES 12-06 1m 2006-10-23T00:43:00 1377.25 86',
    bars: 4,
  },
  {
    layout: 'kraken-trades', // XBTUSD.csv of Kraken_Trading_History.zip; fractions as in support.kraken.com/articles/218198197
    path: 'Kraken_Trading_History.zip/XBTUSD.csv',
    text: '1381095255,122.00000,0.10000000\n1381095290.4815,123.61000,0.10000000\n',
    first: 'kraken XBTUSD 1m 2013-10-06T21:34:00 123.61 0.2',
    bars: 1,
  },
  {
    layout: 'binance-trades', // github.com/binance/binance-public-data
    path: 'data/spot/daily/trades/LINKUSDT/LINKUSDT-trades-2020-03-08.csv',
    text: '51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True\n',
    first: 'binance LINKUSDT 1m 2020-03-08T23:17:00 17.8018 5.69',
    bars: 1,
  },
  {
    layout: 'binance-agg-trades', // the same; microseconds from 2025 on
    path: 'data/spot/daily/aggTrades/LINKUSDT/LINKUSDT-aggTrades-2025-01-01.csv',
    text: '0,0.20000000,50.00000000,0,0,1735689600010866,False,True\n',
    first: 'binance LINKUSDT 1m 2025-01-01T00:00:00 0.2 50',
    bars: 1,
  },
  {
    layout: 'binance-futures-trades', // the same
    path: 'data/futures/um/daily/trades/LINKUSDT/LINKUSDT-trades-2020-03-08.csv',
    text: '51175358,17.8018,5.69,101.292242,1583709433583,true\n',
    first: 'binance-um LINKUSDT 1m 2020-03-08T23:17:00 17.8018 5.69',
    bars: 1,
  },
  {
    layout: 'binance-futures-agg-trades', // huggingface.co/datasets/SleepPenguin/bfuus, of Binance's files
    path: 'data/futures/um/monthly/aggTrades/0GUSDT/0GUSDT-aggTrades-2025-09.csv',
    text: 'agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n1,1.1,410,1,2,1758123911455,true\n2,1.2,909,3,3,1758123912955,true\n',
    first: 'binance-um 0GUSDT 1m 2025-09-17T15:45:00 1.2 1319',
    bars: 1,
  },
  {
    layout: 'bitstamp-trades', // api.bitcoincharts.com/v1/csv
    path: 'bitstampUSD.csv.gz',
    text: '1315922016,5.800000000000,1.000000000000\n1315922024,5.830000000000,3.000000000000\n',
    first: 'bitstamp BTCUSD 1m 2011-09-13T13:53:00 5.83 4',
    bars: 1,
  },
];
