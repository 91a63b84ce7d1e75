import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patternsFor } from '../../src/scan/stamp_catalogue.ts';
import { StampPattern } from '../../src/scan/stamp_pattern.ts';

/** The instant of a text by a pattern, as ISO 8601; null where it does not fit. */
function read(pattern: string, text: string): string | null {
  const form = new StampPattern(pattern);
  const bytes = Buffer.from(`<${text}>`);
  if (!form.read(bytes, 1, bytes.length - 1)) return null;
  const offset = Number.isNaN(form.offsetUs) ? 0 : form.offsetUs;
  return new Date((form.localUs - offset) / 1000).toISOString();
}

describe('a pattern', () => {
  it.each([
    ['yyyyMMdd HHmmss', '20191104 081500', '2019-11-04T08:15:00.000Z'],
    ['yyyyMMddHHmmss', '20191104081500', '2019-11-04T08:15:00.000Z'],
    ['yyyyMMddHmmss', '2019110481500', '2019-11-04T08:15:00.000Z'],
    ['yyyyMMddHHmmssSSS', '20191104081500250', '2019-11-04T08:15:00.250Z'],
    ['yyyy.MM.dd HH:mm', '2019.11.04 08:15', '2019-11-04T08:15:00.000Z'],
    ['dd.MM.yyyy', '04.11.2019', '2019-11-04T00:00:00.000Z'],
    ['d/M/yyyy', '4/11/2019', '2019-11-04T00:00:00.000Z'],
    ['M/d/yy', '11/4/19', '2019-11-04T00:00:00.000Z'],
    ['dd-MMM-yy', '04-NOV-75', '1975-11-04T00:00:00.000Z'],
    ['EEE, d MMMM yyyy', 'Mon, 4 November 2019', '2019-11-04T00:00:00.000Z'],
    ['MMM d, yyyy', 'Sept 4, 2019', '2019-09-04T00:00:00.000Z'],
    ['MM/dd/yyyy hh:mm a', '11/04/2019 12:05 AM', '2019-11-04T00:05:00.000Z'],
    ['MM/dd/yyyy hh:mm a', '11/04/2019 12:05 pm', '2019-11-04T12:05:00.000Z'],
    ['yyyy-MM-dd hh-a', '2019-11-04 00-AM', '2019-11-04T00:00:00.000Z'],
    ['yyyy-MM-dd kk:mm', '2019-11-04 24:05', '2019-11-04T00:05:00.000Z'],
    ["yyyy-MM-dd'T'HH:mm:ssX", '2019-11-04T08:15:00Z', '2019-11-04T08:15:00.000Z'],
    ['yyyy-MM-ddTHH:mm:ss.SSSSSSXXX', '2019-11-04T08:15:00.25-05:00', '2019-11-04T13:15:00.250Z'],
    ['yyyy-MM-dd HH:mm:ssX', '2019-11-04 08:15:00+05', '2019-11-04T03:15:00.000Z'],
    ['yyyy-MM-dd HH:mm:ssxx', '2019-11-04 08:15:00+0530', '2019-11-04T02:45:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss z', '2019-11-04 08:15:00 UTC', '2019-11-04T08:15:00.000Z'],
    ["d'.' 'o''clock' H yyyy MM", "4. o'clock 8 2019 11", '2019-11-04T08:00:00.000Z'],
    ['yyyyDDD', '2020366', '2020-12-31T00:00:00.000Z'],
    ['yyyy-MM', '2020-02', '2020-02-01T00:00:00.000Z'],
    ['MMM yyyy', 'Feb 2020', '2020-02-01T00:00:00.000Z'],
    ['yyyy-MM-dd HH:mm X', '2019-11-04 08:15 UTC+2', '2019-11-04T06:15:00.000Z'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 GMT-5', '2019-11-04T13:15:00.000Z'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 GMT+5:30', '2019-11-04T02:45:00.000Z'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 UTC+10', '2019-11-03T22:15:00.000Z'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 GMT+0100', '2019-11-04T07:15:00.000Z'],
    ['yyyy-MM-dd A', '2019-11-04 34200000', '2019-11-04T09:30:00.000Z'],
  ])('%s reads %s', (pattern, text, iso) => {
    expect(read(pattern, text)).toBe(iso);
  });

  it.each([
    ['yyyyMMdd', '2019110'],
    ['yyyyMMdd', '201911040'],
    ['yyyyMMdd', '20191304'],
    ['dd.MM.yyyy', '4.11.2019'],
    ['dd.MM.yyyy', '30.02.2019'],
    ['d/M/yyyy', '4/11/19'],
    ['d/M/yyyy', '004/11/2019'],
    ['yyyy-MM-dd HH:mm', '2019-11-04 24:00'],
    ['yyyy-MM-dd HH:mm', '2019-11-04 08:60'],
    ['yyyy-MM-dd HH:mm', '2019-11-04 08:15:00'],
    ['yyyy-MM-dd hh a', '2019-11-04 13 PM'],
    ['yyyy-MM-dd HH:mm:ss.SSS', '2019-11-04 08:15:00.'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15'],
    ['dd-MMM-yyyy', '04-Nvo-2019'],
    ['yyyyDDD', '2019366'],
    ['yyyy-MM', '2020-13'],
    ['yyyy-MM', '2020-02-01'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15+2'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 UTC+a'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 UTC+5:3'],
    ['yyyy-MM-dd HH:mmX', '2019-11-04 08:15 UTC+123'],
  ])('%s does not read %s', (pattern, text) => {
    expect(read(pattern, text)).toBeNull();
  });

  it.each([
    ['%Y-%m-%d %H:%M:%S', 'did you mean yyyy-MM-dd HH:mm:ss?'],
    ['YYYY-MM-dd', 'a year is yyyy'],
    ['yyyy-MM-DD', 'the day of the month is dd'],
    ['yyyy-mm-dd', 'a month is missing: MM'],
    ['dd/MM/yyyy HH:MM', 'minutes are mm'],
    ['yyyy-MM-dd hh:mm', 'that of 24 is HH'],
    ['yyyy-MM-dd HH:mm a', 'goes with hh'],
    ['yyyy-MM HH:mm', 'a day is missing'],
    ['dd.MM', 'a year is missing'],
    ["yyyy-MM-dd 'at", 'a quote is not closed'],
    ['yyyy-MM-dd UTC', 'text stands in quotes'],
    ['XHH yyyy-MM-dd', 'the last field'],
    ['---', 'neither a date nor a time'],
  ])('%s is refused with what was meant', (pattern, said) => {
    expect(() => new StampPattern(pattern)).toThrow(said);
  });

  it('reads what Intl writes', () => {
    const parts = (ms: number): Record<string, string> => {
      const date = new Date(ms);
      const two = (n: number): string => String(n).padStart(2, '0');
      return {
        yyyy: String(date.getUTCFullYear()).padStart(4, '0'),
        MMMM: date.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' }),
        MMM: date.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' }),
        MM: two(date.getUTCMonth() + 1),
        M: String(date.getUTCMonth() + 1),
        dd: two(date.getUTCDate()),
        d: String(date.getUTCDate()),
        HH: two(date.getUTCHours()),
        hh: two(date.getUTCHours() % 12 || 12),
        mm: two(date.getUTCMinutes()),
        ss: two(date.getUTCSeconds()),
        a: date.getUTCHours() < 12 ? 'AM' : 'PM',
      };
    };
    const pattern = fc.constantFrom(
      'yyyyMMddHHmmss',
      'dd.MM.yyyy HH:mm:ss',
      'M/d/yyyy hh:mm:ss a',
      'd MMM yyyy HHmmss',
      'MMMM d, yyyy HH:mm:ss',
      'HH:mm:ss yyyy/MM/dd',
    );
    const seconds = fc.integer({ min: Date.UTC(1900, 0, 1) / 1000, max: Date.UTC(2200, 0, 1) / 1000 });
    fc.assert(
      fc.property(pattern, seconds, (one, s) => {
        const written = parts(s * 1000);
        const text = one.replace(/yyyy|M+|d+|HH|hh|mm|ss|a/g, (letters) => written[letters]!);
        expect(read(one, text)).toBe(new Date(s * 1000).toISOString());
      }),
      { numRuns: 500 },
    );
  });
});

describe('patterns for a text', () => {
  it.each([
    ['20191104 081500', ['yyyyMMdd HHmmss']],
    ['04.11.2019 08:15', ['dd.MM.yyyy HH:mm', 'MM.dd.yyyy HH:mm']],
    ['11/24/2019 08:15 PM', ['MM/dd/yyyy hh:mm a']],
    ['11/24/2019 8:15 PM', ['M/d/yyyy h:mm a']],
    ['2019-11-04 08:15:00Z', ['yyyy-MM-dd[ HH:mm[:ss[.SSS]]][X]']],
    ['soon', []],
  ])('%s', (text, patterns) => {
    expect(patternsFor(text)).toEqual(patterns);
  });
});
