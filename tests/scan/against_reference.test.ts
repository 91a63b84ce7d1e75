import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OnInvalid, type RecordShape, type Role, WAIVABLE } from '../../src/scan/shape.ts';
import { type Input, recordsOf, reference } from './reference.ts';
import { checksOf, comparable, scan, shapeOf } from './scan_run.ts';

const LONG = process.env['BACKHAUL_LONG'] === '1';
/** A longer look: `SCAN_RUNS=100000 npx vitest run tests/scan`. */
const RUNS = Number(process.env['SCAN_RUNS'] ?? (LONG ? 5_000 : 350));

const START_S = 1_600_000_020;
/** Null, but once in `n` times. */
function seldom<T>(n: number, some: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: n - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: some });
}

const END = fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n', '\r\n\r\n');

const decimal = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(99_999), fc.nat(99_999_999)).map(([a, b]) => `${a + 1}.${b}`) },
  { weight: 2, arbitrary: fc.nat(999_999).map((n) => `${n + 1}`) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(9_999), fc.integer({ min: -12, max: 12 })).map(([a, e]) => `${a + 1}e${e}`),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 10n ** 22n }).map((n) => `${n}.${n % 1_000_003n}`) },
  { weight: 1, arbitrary: fc.bigInt({ min: 10n ** 12n, max: 10n ** 19n }).map((n) => `0.${n}`) },
);

const hostile = fc.constantFrom(
  '',
  ' ',
  'NULL',
  'null',
  'nUll',
  'abc',
  'NaN',
  'Infinity',
  '-1',
  '-0',
  '+5',
  '1.',
  '.5',
  '.',
  '1e',
  'e5',
  '.e5',
  '5.e3',
  '1e+',
  '1E+1',
  '1e400',
  '1e-400',
  '-1e400',
  '12.0',
  '1.5',
  '0',
  '0.0',
  '0x10',
  '1_000',
  '1 2',
  ' 7 ',
  '\t7',
  '1,5',
  '1"5',
  '"',
  '"1',
  '1"',
  '""1',
  '1\r',
  '1\0',
  '\xa07',
  '٣',
  '9007199254740993',
  '9007199254740992.5',
  '123456789012345678901234567890',
  '0.000000000000000000000000123',
  '1600000000000000000000',
  '-1600000000',
  '1600000020.5',
  '1600000020.000000',
  '1600000020000',
  '1600000020000000',
  '1600000020000000000',
  '16000000200000000001',
  '01600000020',
  '1.60000008e9',
  '160000008.E+1',
  '16000000200000000e-7',
  '1600000020.',
  'A B',
  ' A',
  '\xff',
  'é',
  '\x7f',
  '\xc2\x85',
  '\xed\xa0\x80',
  'é'.repeat(33),
);

/** Symbol ranks go up with the records, mostly. */
const record = fc.record({
  step: fc.constantFrom(0, 0, 1, 1, 1, 1, 1, 1, 2, 7),
  symbol: fc.constantFrom(0, 0, 0, 0, 0, 1),
  same: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  decimals: fc.array(decimal, { minLength: 5, maxLength: 5 }),
  trades: fc.oneof(fc.nat(99_999).map(String), fc.constantFrom('', 'NULL', '12.0', '0')),
  fault: seldom(12, fc.tuple(fc.nat(9), hostile)),
  // No volume, a price below zero, or no price at all.
  odd: seldom(8, fc.constantFrom('no volume', 'below', 'null prices')),
  quoted: seldom(5, fc.nat()).map((bits) => bits ?? 0),
  trailing: fc.constantFrom(...Array<string>(16).fill(''), ',', ',', ',', ',,', ',x'),
  end: END,
  junk: seldom(
    25,
    fc
      .array(fc.constantFrom(',', '"', '\n', '\r', '\r\n', '\0', '1', '.', ' ', 'x', '""', '","'), {
        maxLength: 12,
      })
      .map((parts) => parts.join('')),
  ),
});

const NAMES = ['A', 'AB', 'B', 'Ba', 'a', 'a.b', 'aa', 'É', 'Ü', 'é'];

type Spec = typeof record extends fc.Arbitrary<infer T> ? T : never;

/** The text of a file: good records in order, but for what the specs say. */
function textOf(specs: readonly Spec[], roles: readonly Role[], scale: string, delimiter = ','): string {
  let s = START_S;
  let rank = 0;
  let last = ['1', '2', '1', '1', '1'];
  return specs
    .map((spec) => {
      s += spec.step * 60;
      rank += spec.symbol;
      const prices = spec.decimals.slice(0, 4).sort((a, b) => Number(a) - Number(b));
      const [low, open, close, high] = prices;
      if (!spec.same) last = [open!, high!, low!, close!, spec.decimals[4]!];
      const value: Record<string, string> = {
        time: `${s}${scale}`,
        symbol: NAMES[rank % NAMES.length]!,
        ignore: 'x',
        trades: spec.trades,
      };
      for (const [i, role] of ['open', 'high', 'low', 'close', 'volume'].entries()) value[role] = last[i]!;
      const isPrice = (role: Role): boolean => ['open', 'high', 'low', 'close'].includes(role);
      if (spec.odd === 'no volume') value['volume'] = spec.trades === '' ? '' : 'NaN';
      if (spec.odd === 'below') value['low'] = `-${value['low']}`;
      if (spec.odd === 'null prices')
        for (const role of roles.filter(isPrice)) value[role] = spec.trades === '' ? '' : 'null';
      const fields = roles.map((role) => value[role]!);
      if (spec.fault !== null) fields[spec.fault[0] % fields.length] = spec.fault[1];
      const quoted = fields.map((field, i) =>
        (spec.quoted >> i) & 1 ? `"${field.replaceAll('"', '""')}"` : field,
      );
      return `${spec.junk ?? quoted.join(delimiter)}${spec.trailing.replaceAll(',', delimiter)}${spec.end}`;
    })
    .join('');
}

const KRAKEN: readonly Role[] = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
const MASSIVE: readonly Role[] = ['symbol', 'volume', 'open', 'close', 'high', 'low', 'time', 'trades'];
const BINANCE: readonly Role[] = [
  'time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'ignore',
  'ignore',
  'trades',
  'ignore',
];
const SYMBOL_LAST: readonly Role[] = ['ignore', 'time', 'open', 'high', 'low', 'close', 'volume', 'symbol'];

const minute = (n: number): number => (START_S + n * 60) * 1e6;

type ValueRules = Pick<RecordShape, 'volume' | 'prices' | 'empty'>;

/** Files of every kind with checks of every kind. */
const input: fc.Arbitrary<Input> = fc
  .record({
    specs: fc.array(record, { maxLength: 60, size: 'max' }),
    roles: fc.constantFrom(KRAKEN, MASSIVE, BINANCE, SYMBOL_LAST),
    unit: fc.constantFrom(
      ['s', ''],
      ['ms', '000'],
      ['us', '000000'],
      ['ns', '000000000'],
      ['magnitude', ''],
      ['magnitude', '000000000'],
      ['s', '.0'],
    ) as fc.Arbitrary<['s', string]>,
    order: fc.constantFrom('time', 'symbol-time', 'any') as fc.Arbitrary<Input['order']>,
    grid: fc.constantFrom('none', 'epoch') as fc.Arbitrary<'none'>,
    interval: fc.constantFrom(60e6, 120e6),
    want: seldom(3, fc.tuple(fc.nat(10), fc.nat(30))),
    file: seldom(3, fc.tuple(fc.nat(10), fc.nat(30))),
    onInvalid: fc.oneof(
      fc.constantFrom('reject', 'reject', 'keep'),
      fc.subarray([...WAIVABLE]),
    ) as fc.Arbitrary<OnInvalid>,
    volume: fc.constantFrom({}, {}, { volume: 'optional' }, { volume: 'none' }) as fc.Arbitrary<ValueRules>,
    prices: fc.constantFrom({}, {}, { prices: 'any' }) as fc.Arbitrary<ValueRules>,
    empty: fc.constantFrom({}, {}, { empty: 'reject' }) as fc.Arbitrary<ValueRules>,
    wanted: fc.constantFrom(null, null, { A: 'A', AB: 'XX', a: 'ä' }),
    delimiter: fc.constantFrom(',', ',', ',', ';', '\t'),
    mark: fc.boolean(),
    cutEnd: fc.boolean(),
    max: fc.constantFrom(1 << 20, 1 << 20, 1 << 20, 90, 60, 20),
  })
  .map((made) => {
    const text = (made.mark ? '\ufeff' : '') + textOf(made.specs, made.roles, made.unit[1], made.delimiter);
    const latin1 = /[\x80-\xff]/.test(text) && made.cutEnd;
    const bytes = Buffer.from(
      made.cutEnd ? text.replace(/\r?\n*$/, '') : text,
      latin1 && !made.mark ? 'latin1' : 'utf8',
    );
    return {
      bytes,
      shape: shapeOf(made.roles, {
        time: made.unit[0],
        delimiter: made.delimiter,
        ...made.volume,
        ...made.prices,
        ...made.empty,
      }),
      checks: checksOf({
        grid: made.grid,
        intervalUs: made.interval,
        onInvalid: made.onInvalid,
        maxRecordBytes: made.max,
        ...(made.want && { wantFromUs: minute(made.want[0]), wantToUs: minute(made.want[0] + made.want[1]) }),
        ...(made.file && { fileFromUs: minute(made.file[0]), fileToUs: minute(made.file[0] + made.file[1]) }),
      }),
      fixed: made.roles.includes('symbol') ? null : 'XBTUSD',
      wanted: made.roles.includes('symbol') ? made.wanted : null,
      order: made.order,
    };
  })
  .filter(({ bytes }) => !looksUtf16(bytes));

function looksUtf16(bytes: Buffer): boolean {
  const [a, b, c, d] = bytes;
  return (a === 0 && b !== 0 && c === 0) || (a !== 0 && b === 0 && c !== 0 && d === 0);
}

describe('the scanner against a plain reference', () => {
  it('finds the same rows, rejects and counts at any split of the stream and any batch size, with the kernel and without', () => {
    fc.assert(
      fc.property(
        input,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 2, max: 12 }),
        fc.constantFrom('kernel', 'kernel', 'heap'),
        (given, cuts, capacity, memory) => {
          const at = cuts.map((cut) => cut % (given.bytes.length + 1));
          const found = scan(given, at, capacity, memory as 'kernel');
          expect(comparable(found)).toEqual(reference(given));
        },
      ),
      { numRuns: RUNS },
    );
  }, 600_000);

  it('finds the same at every single split, and byte by byte', () => {
    fc.assert(
      fc.property(input, (given) => {
        const expected = reference(given);
        for (let cut = 0; cut <= given.bytes.length; cut++) {
          expect(comparable(scan(given, [cut], 3))).toEqual(expected);
        }
        const all = Array.from({ length: given.bytes.length }, (_, i) => i);
        expect(comparable(scan(given, all, 2))).toEqual(expected);
      }),
      { numRuns: LONG ? 20 : 2 },
    );
  }, 600_000);

  it('accounts for every record it reads', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { rows, counters, rejects, fault } = scan(given);
        fc.pre(fault === null);
        expect(counters.recordsRead).toBe(
          rows.length + counters.duplicates + counters.rejected + counters.empty,
        );
        expect(rejects).toHaveLength(counters.rejected);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a quoted field for the field it quotes', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), fc.integer({ min: 1, max: 127 }), (specs, quoted) => {
        const plain = specs.map(
          (spec): Spec => ({
            ...spec,
            quoted: 0,
            junk: null,
            trailing: '',
            end: '\n',
            fault: isPlain(spec.fault?.[1]) ? spec.fault : null,
          }),
        );
        const made = (some: readonly Spec[]): Input => ({
          bytes: Buffer.from(textOf(some, KRAKEN, '')),
          shape: shapeOf(KRAKEN),
          checks: checksOf(),
          fixed: 'X',
          wanted: null,
          order: 'time',
        });
        const without = scan(made(plain));
        const withQuotes = scan(made(plain.map((spec) => ({ ...spec, quoted }))));
        const gist = ({ rows, rejects, counters }: typeof without): unknown => [
          rows.map(({ offset: _, ...row }) => row),
          rejects.map(({ line, reason, field }) => [line, reason, field]),
          counters,
        ];
        expect(gist(withQuotes)).toEqual(gist(without));
      }),
    );
  });
});

describe('a stamp with an exponent', () => {
  it.each([
    ['5.e3', 'timestamp 1 0', []],
    ['1E+1', 'timestamp 1 0', []],
    ['1e31', null, []],
    ['1600000020e', null, []],
    ['1.60000002e9', null, [START_S * 1e6]],
    ['1600000020000.9e-3', null, [START_S * 1e6 + 900]],
  ])('%s is read for what it means, in the only record too', (stamp, fault, us) => {
    const given: Input = {
      bytes: Buffer.from(`${stamp},1,1,1,1,1,1\n`),
      shape: shapeOf(KRAKEN),
      checks: checksOf(),
      fixed: 'X',
      wanted: null,
      order: 'time',
    };
    const found = comparable(scan(given));
    expect(found).toEqual(reference(given));
    expect(found.fault).toBe(fault);
    expect(found.rows.map(({ ts }) => ts)).toEqual(us);
  });
});

describe('a file sorted by symbol', () => {
  const file = (lines: readonly string[]): Input => ({
    bytes: Buffer.from(`${lines.join('\n')}\n`),
    shape: shapeOf(MASSIVE),
    checks: checksOf(),
    fixed: null,
    wanted: null,
    order: 'symbol-time',
  });
  const bar = (symbol: string, minutes = 0, price = '5'): string =>
    `${symbol},1,${price},5,5,5,${START_S + 60 * minutes},7`;
  const sameBothWays = (given: Input, symbols: number): void => {
    const expected = reference(given);
    expect(new Set(expected.rows.map(({ symbol }) => symbol)).size).toBe(symbols);
    for (const capacity of [2, 7, 5000])
      for (const memory of ['kernel', 'heap'] as const)
        expect(comparable(scan(given, [], capacity, memory))).toEqual(expected);
  };

  it('may have more symbols than the kernel tells of at once', () => {
    const symbols = Array.from({ length: 5000 }, (_, i) => String(i).padStart(4, '0'));
    sameBothWays(file(symbols.map((symbol) => bar(symbol))), 5000);
  });

  it('has symbols that begin alike, are as long as can be, and are not ASCII', () => {
    const symbols = ['A', 'A!', 'A.B', 'AA', 'AAA', 'AB', 'B', 'B~', `C${'x'.repeat(63)}`, 'D', 'É', 'Éa'];
    const lines = symbols.flatMap((symbol) => [bar(symbol), bar(symbol, 1)]);
    sameBothWays(file(lines), symbols.length);
    for (let at = 0; at < lines.length; at += 2) {
      // A symbol out of its order, one too long, and one in quotes.
      for (const other of ['@', 'x'.repeat(65), '"A"', '']) {
        const given = file(lines.toSpliced(at, 0, bar(other)));
        expect(comparable(scan(given, [], 7))).toEqual(reference(given));
      }
    }
  });

  it('may have met a symbol before, in a record that was set aside', () => {
    const lines = [
      bar('A'),
      bar('Z', 0, 'x'),
      bar('B'),
      bar('C'),
      bar('C', 1),
      bar('Z'),
      bar('Z', 1),
      bar('ZZ'),
    ];
    sameBothWays(file(lines), 5);
  });
});

function isPlain(field: string | undefined): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return field !== undefined && !/[",\r\n\x00]/.test(field);
}

describe('the reference', () => {
  it('splits well-formed text as csv-parse does', () => {
    const field = fc
      .array(fc.constantFrom('a', '1', '"', ',', '\n', '\r\n', ' ', 'é'), { maxLength: 5 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(field, { minLength: 2, maxLength: 4 }), fc.constantFrom('\n', '\r\n'))),
        (lines) => {
          const text = lines
            .map(([fields, end]) => fields.map((f) => `"${f.replaceAll('"', '""')}"`).join(',') + end)
            .join('');
          const records = recordsOf(Buffer.from(text), ',', 1 << 20).map(({ fields }) =>
            fields!.map((f) => Buffer.from(f, 'latin1').toString()),
          );
          expect(records).toEqual(
            parse(text, { relax_column_count: true, record_delimiter: ['\r\n', '\n'] }),
          );
        },
      ),
    );
  });
});
