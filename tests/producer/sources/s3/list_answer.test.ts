import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseListAnswer } from '../../../../src/producer/sources/s3/list_answer.ts';

const answer = (inside: string) =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="x">${inside}</ListBucketResult>`,
  );
const escaped = (text: string) => text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);

describe('the XML of a listing', () => {
  it('gives keys, folders and the token, whatever stands between them', () => {
    const xml = answer(`
      <Name>b</Name><Prefix>p</Prefix><IsTruncated>true</IsTruncated>
      <NextContinuationToken>a&amp;b==</NextContinuationToken>
      <Contents>
        <Key>a &lt;b&gt; &#38; &#x26;.csv</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
        <ETag>&quot;abc-2&quot;</ETag><Size>12345678901</Size>
        <Owner><ID>x</ID><DisplayName>y</DisplayName></Owner><StorageClass>STANDARD</StorageClass>
      </Contents>
      <Contents><Size>0</Size><Key>noetag</Key><LastModified>2026-01-02T03:04:05Z</LastModified></Contents>
      <CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>p/r/</Prefix></CommonPrefixes>`);
    expect(parseListAnswer(xml)).toEqual({
      keys: [
        { key: 'a <b> & &.csv', sizeBytes: 12_345_678_901, etag: 'abc-2', modifiedMs: 1_767_323_045_678 },
        { key: 'noetag', sizeBytes: 0, etag: 'modified-1767323045-0', modifiedMs: 1_767_323_045_000 },
      ],
      folders: ['p/q/', 'p/r/'],
      next: 'a&b==',
    });
  });

  it('gives any key back as it was', () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => !/[\p{Cc}\ufffe\uffff]/u.test(text));
    fc.assert(
      fc.property(fc.array(key, { maxLength: 5 }), (names) => {
        const xml = answer(
          names.map((name) => `<Contents><Key>${escaped(name)}</Key><Size>1</Size></Contents>`).join(''),
        );
        const parsed = parseListAnswer(xml);
        expect(typeof parsed === 'string' ? parsed : parsed.keys.map((one) => one.key)).toEqual(names);
      }),
    );
  });

  it('is not taken for whole when its end is missing, wherever it is cut', () => {
    const xml = answer('<Contents><Key>a</Key><Size>1</Size></Contents><IsTruncated>false</IsTruncated>');
    for (let length = 0; length < xml.length; length++) {
      expect(['cut', 'foreign']).toContain(parseListAnswer(xml.subarray(0, length)));
    }
    expect(parseListAnswer(xml)).toMatchObject({ next: null });
  });

  it('of another kind is foreign', () => {
    expect(parseListAnswer(Buffer.from('<html></html>'))).toBe('foreign');
    expect(parseListAnswer(Buffer.alloc(0))).toBe('foreign');
    expect(parseListAnswer(Buffer.from('<ListBucketResult/>'))).toEqual({
      keys: [],
      folders: [],
      next: null,
    });
  });
});
