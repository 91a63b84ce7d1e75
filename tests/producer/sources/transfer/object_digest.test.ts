import { createHash, randomBytes } from 'node:crypto';
import { crc32 as nodeCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crc64Nvme, crc32c } from '../../../../src/producer/sources/transfer/crc.ts';
import { type DigestName, ObjectDigest } from '../../../../src/producer/sources/transfer/object_digest.ts';

const CHECK = Buffer.from('123456789');

function crc64(bytes: Uint8Array): string {
  const crc = new Crc64Nvme();
  crc.update(bytes);
  return crc.digest().toString('hex');
}

/** Bit by bit, as the catalogue defines a reflected CRC. */
function slowCrc(bytes: Uint8Array, width: number, polynomial: bigint): bigint {
  const ones = (1n << BigInt(width)) - 1n;
  let crc = ones;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return crc ^ ones;
}

describe('a CRC', () => {
  it('has the check value of the catalogue', () => {
    expect(crc32c(CHECK, 0)).toBe(0xe3069283);
    expect(crc64(CHECK)).toBe('ae8b14860a799888');
  });

  it('is that of the slow way, for any bytes in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const [left, right] = [bytes.subarray(0, cut), bytes.subarray(cut)];
        expect(BigInt(crc32c(right, crc32c(left, 0)))).toBe(slowCrc(bytes, 32, 0x82f63b78n));
        const crc = new Crc64Nvme();
        crc.update(left);
        crc.update(right);
        expect(crc.digest().readBigUInt64BE()).toBe(slowCrc(bytes, 64, 0x9a6c9329ac4bc9b5n));
      }),
    );
  });
});

describe('an object digest', () => {
  const bytes = randomBytes(10_000);
  const big = (value: bigint | number, length: number) =>
    Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex').toString('base64');
  const right: Record<DigestName, string> = {
    sha256: createHash('sha256').update(bytes).digest('base64'),
    sha1: createHash('sha1').update(bytes).digest('base64'),
    crc32: big(nodeCrc32(bytes), 4),
    crc32c: big(slowCrc(bytes, 32, 0x82f63b78n), 4),
    crc64nvme: big(slowCrc(bytes, 64, 0x9a6c9329ac4bc9b5n), 8),
  };

  it.each(Object.keys(right) as DigestName[])('accepts the right %s and no other', (name) => {
    for (const flip of [false, true]) {
      const digest = new ObjectDigest('s3://b/x', { name, value: right[name], parts: null });
      const copy = Buffer.from(bytes);
      if (flip) copy[5000]! ^= 4;
      digest.update(copy.subarray(0, 3333));
      digest.update(copy.subarray(3333));
      if (flip) expect(() => digest.finish()).toThrow(/sha|crc/);
      else digest.finish();
    }
  });

  it('holds each part against its own value, however the bytes are cut', () => {
    const sha256 = (part: Uint8Array) => createHash('sha256').update(part).digest('base64');
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 }),
        fc.option(fc.nat(), { nil: null }),
        (sizes, cuts, flip) => {
          const whole = bytes.subarray(
            0,
            sizes.reduce((a, b) => a + b),
          );
          let at = 0;
          const parts = sizes.map((sizeBytes) => {
            at += sizeBytes;
            return { sizeBytes, value: sha256(whole.subarray(at - sizeBytes, at)) };
          });
          const sent = Buffer.from(whole);
          if (flip !== null) sent[flip % sent.length]! ^= 1;
          const digest = new ObjectDigest('s3://b/x', { name: 'sha256', value: `x-${parts.length}`, parts });
          const run = () => {
            let rest: Uint8Array = sent;
            for (const cut of cuts) {
              digest.update(rest.subarray(0, cut));
              rest = rest.subarray(cut);
            }
            digest.update(rest);
            digest.finish();
          };
          if (flip === null) run();
          else expect(run).toThrow(/part/);
        },
      ),
    );
  });
});
