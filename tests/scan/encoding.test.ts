import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sniffEncoding, utf8Text } from '../../src/scan/encoding.ts';
import { faultOf } from '../producer/archive/memory_reader.ts';

/** The UTF-8 of bytes given in pieces that end at `cuts`; each piece is overwritten once the next is asked for. */
async function transcoded(bytes: Buffer, encoding?: string, cuts: readonly number[] = []): Promise<string> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (const end of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
      // A Buffer, as files come in: its `slice` is a view.
      const piece = Buffer.from(bytes.subarray(at, end));
      yield piece;
      piece.fill(0x78);
      at = end;
    }
  }
  const out: Buffer[] = [];
  for await (const piece of utf8Text(pieces(), encoding)) out.push(Buffer.from(piece));
  return Buffer.concat(out).toString('utf8');
}

const utf16le = (text: string): Buffer => Buffer.from(text, 'utf16le');
const utf16be = (text: string): Buffer => utf16le(text).swap16();
const cuts = fc.array(fc.nat(), { maxLength: 6 });

describe('text in another encoding', () => {
  it('becomes UTF-8 wherever it is cut', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((one) => `time,Ö,${one}`);
    await fc.assert(
      fc.asyncProperty(text, cuts, fc.constantFrom('', '\ufeff'), async (one, at, mark) => {
        for (const bytes of [utf16le(mark + one), utf16be(mark + one)])
          expect(await transcoded(bytes, undefined, at)).toBe(one);
        expect(await transcoded(Buffer.from(one), undefined, at)).toBe(one);
      }),
      { numRuns: 150 },
    );
  });

  it('is read by the name that the layout gives it, a step at a time', async () => {
    const line = Buffer.from('31.12.2024;Größe;1,5\x80\n', 'latin1');
    const many = Buffer.concat(Array.from({ length: 8000 }, () => line));
    const expected = '31.12.2024;Größe;1,5€\n'.repeat(8000);
    expect(await transcoded(many, 'windows-1252', [1, 70_000])).toBe(expected);
    expect(await transcoded(Buffer.from([0x93, 0xfa, 0x95, 0x74]), 'shift_jis', [1])).toBe('日付');
  });

  it('is told by its mark, whatever the layout says', async () => {
    expect(await transcoded(utf16be('\ufeffa,b'), 'windows-1252')).toBe('a,b');
    expect(await transcoded(Buffer.from('\ufeffé'), 'windows-1252')).toBe('\ufeffé');
    expect(sniffEncoding(Buffer.from('1,2\n'))).toBeNull();
    expect(sniffEncoding(Buffer.alloc(0))).toBeNull();
  });

  it('that breaks midway is a fault that names the line, the byte and what is there', async () => {
    const half = Buffer.concat([
      utf16le(`\ufeff${'a\n'.repeat(40_000)}`),
      Buffer.from([0x00, 0xdc, 0x61, 0x00]),
    ]);
    expect(await faultOf(transcoded(half, undefined, [5, 9999]))).toMatchObject({
      kind: 'encoding',
      where: { line: 40_001, byteOffset: half.length - 4 + 1 },
    });
    const odd = await faultOf(transcoded(Buffer.concat([utf16le('\ufeff1,2\n'), Buffer.from([0x31])])));
    expect(odd).toMatchObject({ kind: 'encoding', found: 'the end, within a character' });
    const gbk = Buffer.concat([Buffer.from('a,b\n1,'), Buffer.from([0xff, 0xff])]);
    expect(await faultOf(transcoded(gbk, 'gbk'))).toMatchObject({ kind: 'encoding', where: { line: 2 } });
  });

  it('of four bytes a character is refused by name', async () => {
    const utf32 = Buffer.from([0xff, 0xfe, 0, 0, 0x31, 0, 0, 0]);
    expect(await faultOf(transcoded(utf32))).toMatchObject({ kind: 'encoding', found: 'utf-32le' });
  });
});
