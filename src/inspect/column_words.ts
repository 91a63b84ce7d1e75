/** What columns are called: by vendors, by programs, and in the languages whose spreadsheets people export. */

import { zoneNamed } from '../producer/layouts/period.ts';
import { normaliseName } from '../scan/header.ts';

export type WordRole = 'time' | 'date' | 'symbol' | 'open' | 'high' | 'low' | 'close' | 'volume' | 'trades';

/** Names as {@link normaliseName} writes them; of two that a header has, the one that stands first here is meant. */
const WORDS: Readonly<Record<WordRole, readonly string[]>> = {
  time: [
    'candle_date_time_utc',
    ...[
      'timestamp',
      'ts_event',
      'window_start',
      'open_time',
      'opentime',
      'unix',
      'unix_timestamp',
      'unix_time',
    ],
    ...[
      'datetime',
      'date_time',
      'ts',
      'start_time',
      'starttime',
      'start_at',
      'start',
      'epoch',
      'gmt_time',
      'local_time',
    ],
    ...[
      'time_utc',
      'utc',
      'utc_time',
      'time_eet',
      'time_gmt',
      'time_est',
      'datetime_utc',
      't',
      'time',
      'zeit',
      'uhrzeit',
      'zeitstempel',
      'hora',
      'heure',
      '时间',
      '時間',
      '日時',
      'время',
    ],
    ...[
      'time_period_start',
      'period_start',
      'begin',
      'start_date_time',
      'bar_time',
      'mts',
      'ticks',
      'kline_open_time',
    ],
    'startedat',
    'started_at',
  ],
  date: [
    'date',
    'dtyyyymmdd',
    'yyyymmdd',
    'day',
    'datum',
    'fecha',
    'data',
    'tag',
    'handelstag',
    'trade_date',
    'trading_date',
    'dt',
    '日期',
    '日付',
    '날짜',
    'дата',
    ...['trade_dt', 'traddt', 'date_time_utc'],
  ],
  symbol: [
    'symbol',
    'ticker',
    'sym',
    'instrument',
    'instrument_name',
    'instrument_id',
    'pair',
    'act_symbol',
    'code',
    'market',
    'name',
    ...[
      'ric',
      'mnemonic',
      'trading_symbol',
      'tradingsymbol',
      'tckrsymb',
      'security_code',
      'sc_code',
      'ticker_symbol',
      'contract',
    ],
    'ts_code',
    'isin',
  ],
  open: [
    ...[
      'open',
      'o',
      'open_price',
      'opening',
      'opening_price',
      'first',
      'eroffnung',
      'eröffnung',
      'erster',
      'ouverture',
    ],
    ...[
      'ouv',
      'apertura',
      'abertura',
      'abert',
      'apert',
      '开盘',
      '开盘价',
      '開盤',
      '始値',
      '시가',
      'открытие',
      'откр',
      'startpreis',
      'otevření',
    ],
    ...['px_open', 'price_open', 'openprice', 'start_price', 'startprice', 'opnpric', 'priceopen'],
  ],
  high: [
    ...[
      'high',
      'h',
      'max',
      'high_price',
      'hoch',
      'tageshoch',
      'höchst',
      'höchster',
      'hochstkurs',
      'höchstkurs',
      'haut',
      'plus_haut',
      'maximo',
    ],
    ...[
      'máximo',
      'máx',
      'massimo',
      'alto',
      'máxima',
      'maxima',
      '最高',
      '最高价',
      '高値',
      '고가',
      'максимум',
      'макс',
    ],
    ...['px_high', 'price_high', 'highprice', 'max_price', 'maxprice', 'hghpric', 'pricehigh'],
  ],
  low: [
    ...[
      'low',
      'l',
      'min',
      'low_price',
      'tief',
      'tagestief',
      'tiefst',
      'tiefster',
      'tiefstkurs',
      'bas',
      'plus_bas',
      'minimo',
      'mínimo',
      'mín',
    ],
    ...['baixo', 'bajo', 'basso', 'mínima', 'minima', '最低', '最低价', '安値', '저가', 'минимум', 'мин'],
    ...['px_low', 'price_low', 'lowprice', 'min_price', 'minprice', 'lwpric', 'pricelow'],
  ],
  close: [
    ...[
      'close',
      'c',
      'close_price',
      'close_last',
      'closing_price',
      'last',
      'price',
      'settle',
      'schluss',
      'schlusskurs',
      'schluß',
      'schlußkurs',
      'letzter',
    ],
    ...[
      'cloture',
      'clôture',
      'dernier',
      'cierre',
      'ultimo',
      'último',
      'fechamento',
      'chiusura',
      '收盘',
      '收盘价',
      '收盤',
      '終値',
      '종가',
      'закрытие',
      'закр',
      'adj_close',
    ],
    ...[
      'px_last',
      'price_close',
      'closeprice',
      'end_price',
      'endprice',
      'clspric',
      'last_price',
      'priceclose',
    ],
    'trade_price',
  ],
  volume: [
    ...[
      'volume',
      'vol',
      'v',
      'base_volume',
      'volume_base',
      'tick_volume',
      'tickvol',
      'volumen',
      'wolumen',
      'objem',
      'hacim',
      'umsatz',
      'stuck',
      'stück',
      'stücke',
      'menge',
    ],
    ...['quantity', 'qty', 'volume_from', 'volumefrom', '成交量', '出来高', '거래량', 'объем', 'объём'],
    ...[
      'px_volume',
      'volume_traded',
      'traded_volume',
      'tradedvolume',
      'tottrdqty',
      'ttl_trd_qnty',
      'ttltradgvol',
      'total_volume',
      'totalvolume',
      'number_of_shares',
      'shares_traded',
      'total_traded_quantity',
      'amount',
    ],
    'basetokenvolume',
    'candle_acc_trade_volume',
  ],
  trades: [
    ...[
      'trades',
      'trade_count',
      'tradecount',
      'count',
      'transactions',
      'number_of_trades',
      'num_trades',
      'no_of_trades',
    ],
    ...['numtrades', 'n', 'trades_count'],
    ...[
      'barcount',
      'bar_count',
      'numberoftrades',
      'no_trades',
      'totaltrades',
      'total_trades',
      'num_of_trades',
      'ttlnboftxsexctd',
      'trades_number',
    ],
  ],
};

/** Names of zones in the names of columns, and the zones they are; those that two zones have are left out. */
const ZONES: Readonly<Record<string, string>> = {
  utc: 'UTC',
  gmt: 'UTC',
  eet: 'Europe/Athens',
  est: 'Etc/GMT+5',
  edt: 'Etc/GMT+4',
  et: 'America/New_York',
  cet: 'Europe/Berlin',
  msk: 'Europe/Moscow',
  jst: 'Asia/Tokyo',
  kst: 'Asia/Seoul',
  hkt: 'Asia/Hong_Kong',
  sgt: 'Asia/Singapore',
};

/** Where a name stands among those of a role; -1 for none. A volume may have its currency with it. */
export function rankOf(name: string, role: WordRole): number {
  const word = normaliseName(name);
  const at = WORDS[role].indexOf(word);
  if (at >= 0 || role !== 'volume') return at;
  return /^vol(?:ume)?_[a-z0-9]{2,10}$/.test(word) ? WORDS.volume.length : -1;
}

export function isColumnName(name: string): boolean {
  return (Object.keys(WORDS) as WordRole[]).some((role) => rankOf(name, role) >= 0);
}

/** The zone that a column's name tells: `Time (EET)`, `Date (UTC+2)`, `Date (America/New_York)`; null for none. */
export function zoneInName(name: string): string | null {
  const words = normaliseName(name).split('_');
  if (words.includes('local')) return null;
  const [, sign, hours, minutes = '00'] = /(?:UTC|GMT) ?([+-])(\d{1,2})(?::?(\d\d))?(?!\d)/i.exec(name) ?? [];
  if (hours !== undefined) return `${sign}${hours.padStart(2, '0')}:${minutes}`;
  const named = /[A-Za-z]+\/[A-Za-z_/]+/.exec(name)?.[0];
  if (named !== undefined && isZone(named)) return named;
  for (const word of words) if (Object.hasOwn(ZONES, word)) return ZONES[word]!;
  return null;
}

function isZone(name: string): boolean {
  try {
    zoneNamed(name);
    return true;
  } catch {
    return false;
  }
}
