import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { LOAD_SETTINGS, loadOptions } from '../../src/commands/options/load_options.ts';
import { parseConfiguration, resolve, Unreadable } from '../../src/commands/options/settings.ts';
import {
  parseBatchBytes,
  parseIndicators,
  parseIntervals,
  parseMaxRejects,
  parseOnInvalid,
  parseTime,
  parseWorkers,
  secondsAsMs,
  whole,
  wholeBetween,
} from '../../src/commands/options/value_parsers.ts';

const us = (iso: string): number => Date.parse(iso) * 1000;

describe('a time', () => {
  it('may be cut short: it is the first instant it names', () => {
    expect(parseTime('2024')).toBe(us('2024-01-01T00:00:00Z'));
    expect(parseTime('2024-03')).toBe(us('2024-03-01T00:00:00Z'));
    expect(parseTime('2024-03-05')).toBe(us('2024-03-05T00:00:00Z'));
    expect(parseTime('2024-03-05T14:30')).toBe(us('2024-03-05T14:30:00Z'));
    expect(parseTime('2024-03-05 14:30:15.000001Z')).toBe(us('2024-03-05T14:30:15Z') + 1);
    expect(parseTime('2024-03-05T14:30+05:30')).toBe(us('2024-03-05T09:00:00Z'));
    expect(parseTime('2024-03-05T14:30-0400')).toBe(us('2024-03-05T18:30:00Z'));
  });

  it('reads back any instant to the microsecond', () => {
    const instants = fc.integer({ min: 0, max: 4e15 });
    fc.assert(
      fc.property(instants, (at) => {
        const ms = Math.floor(at / 1000);
        const iso = `${new Date(ms).toISOString().slice(0, -1)}${String(at - ms * 1000).padStart(3, '0')}Z`;
        expect(parseTime(iso)).toBe(at);
      }),
    );
  });

  it.each([
    '',
    '24',
    '2024-1',
    '2024-02-30',
    '2024-13',
    '2023-02-29',
    '2024-01-01T25:00',
    'yesterday',
    '1711929600',
  ])('"%s" is none', (text) => {
    expect(() => parseTime(text)).toThrow(Unreadable);
  });
});

describe('values', () => {
  it('of intervals are seconds', () => {
    expect(parseIntervals(['1m', '4h', '1d', '1w', '1mo', '15', '30s', '1M'])).toEqual([
      60, 14_400, 86_400, 604_800, 2_592_000, 900, 30, 2_592_000,
    ]);
    expect(parseIntervals([])).toBeNull();
    expect(parseIntervals(['all'])).toBeNull();
    for (const bad of ['0m', '1y', 'm', '-1m', '1.5h'])
      expect(() => parseIntervals([bad])).toThrow(Unreadable);
  });

  it('of rejects are a number or a share', () => {
    expect(parseMaxRejects('0')).toEqual({ maxRejects: 0, maxRejectShare: null });
    expect(parseMaxRejects('1,000')).toEqual({ maxRejects: 1000, maxRejectShare: null });
    expect(parseMaxRejects('2.5%')).toEqual({ maxRejects: null, maxRejectShare: 0.025 });
    for (const bad of ['-1', '101%', 'few', '1e3', ''])
      expect(() => parseMaxRejects(bad)).toThrow(Unreadable);
  });

  it('of quantities are read alike by every flag, in every spelling', () => {
    for (const text of ['200000', '200_000', '200,000', '200k', '200K', '0.2M', '0.2m', ' 200 k'])
      for (const read of [
        whole(1, 1e9),
        wholeBetween(1, 1e9),
        (one: string) => parseMaxRejects(one).maxRejects,
      ])
        expect(read(text)).toBe(200_000);
    expect(whole(1, 1e11)('2.3M')).toBe(2_300_000);
    expect(whole(1, 1e11)('1B')).toBe(1e9);
    expect(parseBatchBytes('1_048_576')).toBe(2 ** 20);
    for (const text of ['1h', '60m', '3600s', '3600', '3,600'])
      expect(secondsAsMs(1, 86_400)(text)).toBe(3_600_000);
    for (const text of ['', 'k', '-1', '1.5', '1e5', '200kk', '0x10'])
      expect(() => whole(1, 1e9)(text)).toThrow(Unreadable);
    expect(() => secondsAsMs(5, 60)('2m')).toThrow(Unreadable);
  });

  it('of indicators come in the order of their columns', () => {
    expect(parseIndicators(['rsi_14', 'SMA_20'])).toEqual(['sma_20', 'rsi_14']);
    expect(parseIndicators(['none'])).toEqual([]);
    expect(parseIndicators(['all'])).toEqual(INDICATOR_NAMES);
    expect(() => parseIndicators(['sma_21'])).toThrow(/did you mean sma_20/);
  });

  it('of workers and sizes are bounded', () => {
    expect(parseWorkers('auto')).toBe('auto');
    expect(parseWorkers('8')).toBe(8);
    for (const bad of ['0', '1025', '1.5', 'x']) expect(() => parseWorkers(bad)).toThrow(Unreadable);
    expect(parseBatchBytes('1MiB')).toBe(1024 ** 2);
    expect(parseBatchBytes('500 kB')).toBe(500_000);
    for (const bad of ['1', '1TiB', '300MiB', 'MiB']) expect(() => parseBatchBytes(bad)).toThrow(Unreadable);
  });
});

describe('settings', () => {
  const from = (text: string) => parseConfiguration(text, Object.keys(LOAD_SETTINGS));

  it('are taken from flags over environment over file over defaults', () => {
    const file = from('workers: 4\nsymbols: [XBTUSD, ETHUSD]\non-conflict: replace\ndry-run: true\n');
    const environment = {
      BACKHAUL_WORKERS: '3',
      BACKHAUL_ON_CONFLICT: 'keep',
      DATABASE_URL: 'postgres://h/d',
    };
    const read = resolve(LOAD_SETTINGS, { workers: '2', json: true }, { environment, file });
    expect(read).toMatchObject({
      workers: 2,
      'on-conflict': 'keep',
      symbols: ['XBTUSD', 'ETHUSD'],
      'dry-run': true,
      json: true,
      database: 'postgres://h/d',
    });
    expect(read.layout).toBeUndefined();
  });

  it('BACKHAUL_DATABASE goes over DATABASE_URL', () => {
    const environment = { BACKHAUL_DATABASE: 'postgres://a/b', DATABASE_URL: 'postgres://c/d' };
    expect(resolve(LOAD_SETTINGS, {}, { environment, file: new Map() }).database).toBe('postgres://a/b');
  });

  it('lists may be repeated and separated by commas', () => {
    const flags = { symbols: ['XBTUSD, ETHUSD', 'SOLUSD'] };
    const read = resolve(LOAD_SETTINGS, flags, { environment: {}, file: new Map() });
    expect(read.symbols).toEqual(['XBTUSD', 'ETHUSD', 'SOLUSD']);
  });

  it('a file with something else than settings is refused by name', () => {
    expect(from('')).toEqual(new Map());
    expect(() => from('nonsense')).toThrow(/must be a map/);
    expect(() => from('workers: {a: 1}')).toThrow(/"workers" must be a value/);
    expect(() => from('a: [')).toThrow(/is no YAML/);
    expect(() => from('lay_out: x')).toThrow(/unknown key "lay_out"/);
  });

  it('say of bars that break a rule what is to become of them, all or rule by rule', () => {
    expect(parseOnInvalid('Keep')).toBe('keep');
    expect(parseOnInvalid('reject')).toBe('reject');
    expect(parseOnInvalid('keep:range, off-grid')).toEqual(['outside-file-range', 'off-grid']);
    expect(parseOnInvalid('keep:trades,outside-file-range')).toEqual(['outside-file-range', 'trades']);
    expect(() => parseOnInvalid('keep:of-grid')).toThrow('did you mean off-grid?');
    expect(() => parseOnInvalid('kep')).toThrow('did you mean keep?');
    expect(() => parseOnInvalid('keep:')).toThrow('range, off-grid, price, high-low, volume, trades');
  });

  it('become the options of the engine, with the documented defaults', () => {
    const flags = resolve(LOAD_SETTINGS, {}, { environment: {}, file: new Map() });
    expect(loadOptions(['a'], flags, null)).toEqual({
      sources: ['a'],
      sourceOptions: {
        requestPayer: false,
        signRequest: true,
        pathStyle: false,
        allowPrivateAddresses: false,
      },
      layout: 'auto',
      databaseUrl: null,
      fromUs: null,
      toUs: null,
      symbols: null,
      intervals: null,
      interval: null,
      venue: null,
      indicators: INDICATOR_NAMES,
      workers: 'auto',
      cpuTarget: 0.9,
      maxRejects: 1000,
      maxRejectShare: 0.01,
      onInvalid: 'reject',
      prices: 'float8',
      onConflict: 'keep',
      reload: false,
      distribute: false,
      compressAfterS: null,
      rollups: [],
      dryRun: false,
      incremental: false,
      batchBytes: null,
      leaseMs: 60_000,
      drainMs: 10_000,
      inflate: { bytes: 64 * 2 ** 30, ratio: 200 },
    });
  });
});
