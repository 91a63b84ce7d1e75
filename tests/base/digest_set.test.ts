import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DigestSet } from '../../src/base/digest_set.ts';

it('holds what was added and nothing else, as a set of the texts themselves does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 3 })),
      fc.array(fc.string({ maxLength: 3 })),
      (put, asked) => {
        const digests = new DigestSet();
        const texts = new Set(put);
        for (const text of put) digests.add(text);
        for (const text of [...put, ...asked]) expect(digests.has(text)).toBe(texts.has(text));
      },
    ),
  );
});

it('grows with what it holds', () => {
  const digests = new DigestSet();
  for (let i = 0; i < 20_000; i++) digests.add(`file:///data/${i}`);
  for (let i = 0; i < 20_000; i++) if (!digests.has(`file:///data/${i}`)) expect(i).toBe('there');
  expect(digests.has('file:///data/20000')).toBe(false);
});
