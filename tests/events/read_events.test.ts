import { describe, expect, it } from 'vitest';
import { dayOf, dayText, eventText, type MarketEvent } from '../../src/events/market_event.ts';
import { type EventFile, readEvents } from '../../src/events/read_events.ts';

const read = (text: string, symbol: string | null = null, venue: string | null = 'v'): EventFile =>
  readEvents(text, 'e.csv', { symbol, venue: () => venue });
const told = (events: readonly MarketEvent[]): string[] =>
  events.map((event) => `${event.venue} ${event.symbol} ${dayText(event.day)} ${eventText(event)}`);
/** The message of the one fault there is. */
const fault = (text: string, symbol: string | null = 'S', venue: string | null = 'v'): string => {
  try {
    read(text, symbol, venue);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('events are read', () => {
  it("from Massive's splits and dividends, columns in any order and others beside them", () => {
    const splits = `id,execution_date,split_from,split_to,ticker,adjustment_type
P1,2020-08-31,1,4,AAPL,forward_split
P2,2021-08-02,8,1,GE,reverse_split`;
    expect(told(read(splits).events)).toEqual(['v AAPL 2020-08-31 4:1 split', 'v GE 2021-08-02 1:8 split']);
    const dividends = `ticker,cash_amount,currency,ex_dividend_date,dividend_type
MSFT,0.75,usd,2024-02-14,CD
COST,15,USD,2023-12-27,SC`;
    const { layout, events } = read(dividends);
    expect([layout, ...told(events)]).toEqual([
      'massive',
      'v MSFT 2024-02-14 0.75 USD dividend',
      'v COST 2023-12-27 15 USD dividend',
    ]);
    expect(events[0]).toMatchObject({ isAdjusted: false });
  });

  it("from Yahoo's, whose ratios are written in every way and whose amounts are adjusted", () => {
    const ratios = ['4:1', '4/1', '4.0', '4-for-1', '4 for 1', '1:10', '3/2', '0.125'];
    const text = `Date,Stock Splits\r\n${ratios.map((ratio, i) => `200${i}-01-02,${ratio}`).join('\r\n')}`;
    const of = read(`\ufeff${text}`, 'S').events.map((event) => event.kind === 'split' && event.ratio);
    expect(of).toEqual([4, 4, 4, 4, 4, 0.1, 1.5, 0.125]);
    expect(read('Date,Dividends\n2012-08-09,0.094643', 'S').events).toEqual([
      {
        venue: 'v',
        symbol: 'S',
        day: dayOf('2012-08-09'),
        kind: 'dividend',
        amount: 0.094643,
        currency: null,
        isAdjusted: true,
      },
    ]);
  });

  it('from a file of both, in which a zero is none', () => {
    const both = `Date,Dividends,Stock Splits
2014-06-09 00:00:00-04:00,0.0,7.0
2014-08-07 00:00:00-04:00,0.1175,0.0`;
    expect(told(read(both, 'S').events)).toEqual([
      'v S 2014-06-09 7:1 split',
      'v S 2014-08-07 0.1175 dividend',
    ]);
  });

  it('from our own layout, which says all of it', () => {
    const own = `venue;symbol;date;event;value;currency
us;FB;2022-06-09;rename;META;
us;"BRK.B";2010-01-21;split;50:1;
;X;2024-05-05;dividend;0.5;eur`;
    expect(told(read(own).events)).toEqual([
      'us FB 2022-06-09 becomes META',
      'us BRK.B 2010-01-21 50:1 split',
      'v X 2024-05-05 0.5 EUR dividend',
    ]);
  });

  it('once, where a record says it again; dividends of a day add up', () => {
    const text = `ticker,ex_dividend_date,cash_amount,id
A,2024-01-02,0.5,1
A,2024-01-02,0.5,1
A,2024-01-02,2,2`;
    expect(read(text)).toMatchObject({ events: [{ amount: 2.5 }], repeated: 1 });
  });
});

describe('what cannot be meant is told in a line, with its line', () => {
  it.each([
    ['Date,Stock Splits\n2020-01-02,2:1\n2020-01-03,0', 'e.csv line 3: split ratio "0"'],
    ['Date,Stock Splits\n2020-01-02,-2:1', 'e.csv line 2: split ratio "-2:1"'],
    ['Date,Stock Splits\n2020-01-02,4:0', 'e.csv line 2: split ratio "4:0"'],
    ['Date,Stock Splits\n2020-01-02,NaN', 'e.csv line 2: split ratio "NaN"'],
    ['Date,Stock Splits\n2020-01-02,', 'e.csv line 2: split ratio ""'],
    ['Date,Stock Splits\n2020-01-02,1e300', 'e.csv line 2: split ratio "1e300"'],
    ['Date,Stock Splits\n2020-02-30,2:1', 'e.csv line 2: "2020-02-30" is no day; expected YYYY-MM-DD'],
    ['Date,Stock Splits\n01/02/2020,2:1', 'e.csv line 2: "01/02/2020" is no day; expected YYYY-MM-DD'],
    ['Date,Dividends\n2020-01-02,-1', 'e.csv line 2: dividend "-1"'],
    [
      'Date,Stock Splits\n2020-01-02,2:1\n2020-01-02,3:1',
      'e.csv line 3: 3:1 split of S, where a record before',
    ],
    ['symbol,date,event,value\nA,2020-01-02,merger,B', 'e.csv line 2: "merger" is no event'],
    ['symbol,date,event,value\nA,2020-01-02,rename,A', 'e.csv line 2: A is renamed to "A"'],
    ['time,open,high\n1,2,3', 'e.csv has no header of a file of events'],
    ['', 'e.csv is empty'],
    ['Date,Stock Splits\n"2020-01-02,2:1', 'e.csv is no CSV'],
  ])('%j', (text, message) => {
    expect(fault(text).startsWith(message), fault(text)).toBe(true);
    expect(fault(text)).not.toContain('\n');
  });

  it('and so is a venue or a symbol that nobody says', () => {
    expect(fault('Date,Dividends\n2020-01-02,1', null)).toContain('no symbol is said; expected --symbol');
    expect(fault('Date,Dividends\n2020-01-02,1', 'S', null)).toContain('no venue is said; expected --venue');
  });
});
