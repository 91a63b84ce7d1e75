import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonRecords } from '../../src/scan/json_records.ts';

function lines(text: string, cuts: readonly number[] = []): string {
  const bytes = Buffer.from(text);
  const records = new JsonRecords();
  let out = '';
  let from = 0;
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    out += Buffer.from(records.push(bytes.subarray(from, cut)));
    from = cut;
  }
  records.end();
  return out;
}

describe('JSON', () => {
  it('of arrays is a line each, null an empty field, text in quotes', () => {
    expect(lines('[[1, 2.5,null],\n [-3e-5,"a,\\"b",true]]')).toBe('1,2.5,\n-3e-5,"a,""b",true\n');
    expect(lines('[]')).toBe('');
  });

  it('of objects has a header', () => {
    expect(lines('[{"t":1,"c":2},{"t":3,"c":null}]')).toBe('"t","c"\n1,2\n3,\n');
  });

  it('is found inside objects, as APIs answer', () => {
    expect(lines('{"error":[],"result":{"A":[[1,"2"],[3,null]],"last":[7,[8]]}}'.replace(',[8]', ''))).toBe(
      '1,"2"\n3,\n',
    );
    expect(lines('{"a":"[[\\"{","rows":[{"t":1},{"t":2}],"b":{"c":[]}}')).toBe('"t"\n1\n2\n');
  });

  it('of two arrays inside objects is refused, whichever would have been meant', () => {
    expect(() => lines('{"A":[[1,2]],"B":[[3,4]]}')).toThrow('no array of records');
    expect(() => lines('{"A":[[1,2]]}{"A":[[3,4]]}')).toThrow('no array of records');
  });

  it('is the same in any pieces', () => {
    const field = fc.oneof(fc.integer(), fc.constant(null), fc.stringMatching(/^[a-z," ]{0,5}$/));
    fc.assert(
      fc.property(
        fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 5 }),
        fc.array(fc.nat(200), { maxLength: 6 }),
        (records, cuts) => {
          const expected = records
            .map(
              (record) =>
                `${record.map((one) => (one === null ? '' : typeof one === 'string' ? `"${one.replaceAll('"', '""')}"` : String(one))).join(',')}\n`,
            )
            .join('');
          expect(lines(JSON.stringify(records), cuts)).toBe(expected);
          if (records.length > 0)
            expect(lines(JSON.stringify({ of: '[{', none: [], in: { records, of: 2 } }), cuts)).toBe(
              expected,
            );
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['{"a":1}', '[1,2]', '[[1,[2]]]', '["a"]', 'hello'])(
    'that is no array of records is refused: %s',
    (text) => {
      expect(() => lines(text)).toThrow('no array of records');
    },
  );

  it('that ends too early is truncated', () => {
    expect(() => lines('[[1,2],[3')).toThrow('ends within a record');
    for (const text of ['{"a":', '{"a":[[1,2]', '{"a":[[1,2]]', '{"a":[[1,2]],"b'])
      expect(() => lines(text)).toThrow('the JSON ends too early');
  });
});
