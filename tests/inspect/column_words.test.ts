import { describe, expect, it } from 'vitest';
import { zoneInName } from '../../src/inspect/column_words.ts';

describe('a zone in the heading of a column', () => {
  it.each([
    ['Time (EET)', 'Europe/Athens'],
    ['Date (UTC)', 'UTC'],
    ['Gmt time', 'UTC'],
    ['datetime_utc', 'UTC'],
    ['timestamp_et', 'America/New_York'],
    ['Datetime EST', 'Etc/GMT+5'],
    ['Time (UTC+2)', '+02:00'],
    ['Date (GMT-03:30)', '-03:30'],
    ['time UTC+0530', '+05:30'],
    ['Date (America/New_York)', 'America/New_York'],
    // A day by a stroke is no zone; the same letters may be China's or Chicago's; here is anywhere.
    ['Date/Time', null],
    ['Time (CST)', null],
    ['Local time', null],
    ['time', null],
  ])('%s: %s', (name, zone) => {
    expect(zoneInName(name)).toBe(zone);
  });
});
