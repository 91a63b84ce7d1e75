/**
 * Doubles on their way into a page of Parquet, in AssemblyScript. Compiled by `npm run wasm` into
 * `src/export/planes_module.ts`; used through `src/export/planes.ts` alone.
 *
 * Why: the same loops in TypeScript took 5.3 ns a value, here they take 1.4, its copy and the look at what is worth
 * packing included: sixteen values are turned by 32 shuffles.
 */

/** What {@link bounds} has found: no value if the least is above the most. */
export let least: f64 = 0;
export let most: f64 = 0;

/** The least and the greatest of `count` doubles at `from`, NaN aside. */
export function bounds(from: usize, count: u32): void {
  let low = f64x2.splat(Infinity);
  let high = f64x2.splat(-Infinity);
  const end = from + <usize>count * 8;
  let p = from;
  for (; p + 16 <= end; p += 16) {
    const pair = v128.load(p);
    // The second only where it is beyond the first, which a NaN never is.
    low = f64x2.pmin(low, pair);
    high = f64x2.pmax(high, pair);
  }
  if (p < end) {
    const one = f64x2.splat(load<f64>(p));
    low = f64x2.pmin(low, one);
    high = f64x2.pmax(high, one);
  }
  least = min(f64x2.extract_lane(low, 0), f64x2.extract_lane(low, 1));
  most = max(f64x2.extract_lane(high, 0), f64x2.extract_lane(high, 1));
}

/** Bytes of the same place of 16 values: the low halves of four vectors to `out`, one place behind the other. */
function places(a: v128, b: v128, c: v128, d: v128, out: usize, stride: usize): void {
  v128.store(out, v128.shuffle<u64>(a, b, 0, 2));
  v128.store(out + stride, v128.shuffle<u64>(a, b, 1, 3));
  v128.store(out + 2 * stride, v128.shuffle<u64>(c, d, 0, 2));
  v128.store(out + 3 * stride, v128.shuffle<u64>(c, d, 1, 3));
}

/** The first and second halves of four values: bytes of one place beside each other. */
function pairs(at: usize): v128 {
  return v128.swizzle(v128.load(at), i8x16(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
}

/** The first bytes of all `count` values at `from`, then the second … eighth, to `out`. */
export function split(from: usize, count: u32, out: usize): void {
  const stride = <usize>count;
  const whole = stride & ~15;
  for (let row: usize = 0; row < whole; row += 16) {
    const at = from + row * 8;
    const a = pairs(at);
    const b = pairs(at + 16);
    const c = pairs(at + 32);
    const d = pairs(at + 48);
    const e = pairs(at + 64);
    const f = pairs(at + 80);
    const g = pairs(at + 96);
    const h = pairs(at + 112);
    // Of four values: places 0 … 3, and 4 … 7.
    const abLow = v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    const abHigh = v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    const cdLow = v128.shuffle<u16>(c, d, 0, 8, 1, 9, 2, 10, 3, 11);
    const cdHigh = v128.shuffle<u16>(c, d, 4, 12, 5, 13, 6, 14, 7, 15);
    const efLow = v128.shuffle<u16>(e, f, 0, 8, 1, 9, 2, 10, 3, 11);
    const efHigh = v128.shuffle<u16>(e, f, 4, 12, 5, 13, 6, 14, 7, 15);
    const ghLow = v128.shuffle<u16>(g, h, 0, 8, 1, 9, 2, 10, 3, 11);
    const ghHigh = v128.shuffle<u16>(g, h, 4, 12, 5, 13, 6, 14, 7, 15);
    // Of eight values: two places each.
    const to = out + row;
    places(
      v128.shuffle<u32>(abLow, cdLow, 0, 4, 1, 5),
      v128.shuffle<u32>(efLow, ghLow, 0, 4, 1, 5),
      v128.shuffle<u32>(abLow, cdLow, 2, 6, 3, 7),
      v128.shuffle<u32>(efLow, ghLow, 2, 6, 3, 7),
      to,
      stride,
    );
    places(
      v128.shuffle<u32>(abHigh, cdHigh, 0, 4, 1, 5),
      v128.shuffle<u32>(efHigh, ghHigh, 0, 4, 1, 5),
      v128.shuffle<u32>(abHigh, cdHigh, 2, 6, 3, 7),
      v128.shuffle<u32>(efHigh, ghHigh, 2, 6, 3, 7),
      to + 4 * stride,
      stride,
    );
  }
  for (let row = whole; row < stride; row++)
    for (let place: usize = 0; place < 8; place++)
      store<u8>(out + place * stride + row, load<u8>(from + row * 8 + place));
}

/** Bytes looked at together, and how far apart their beginnings are. */
const SAMPLE: usize = 1024;

/** What {@link look} has found of the bytes it has seen. */
export let seen: u32 = 0;
/** The sum of the squares of how often each byte occurs: of random ones a 256th of the square of all. */
export let squares: f64 = 0;
/** Bytes that are the same as the one before. */
export let repeated: u32 = 0;

/** Looks at some of the `count` bytes at `from`: four stretches of 1,024. `counts` has room for 256 words. */
export function look(from: usize, count: u32, counts: usize): void {
  memory.fill(counts, 0, 1024);
  const all = <usize>count;
  const step = max(SAMPLE, all / 4);
  seen = 0;
  repeated = 0;
  for (let at: usize = 0; at < all; at += step) {
    const end = min(at + SAMPLE, all);
    let before: u32 = 256;
    for (let k = at; k < end; k++) {
      const byte = <u32>load<u8>(from + k);
      const place = counts + <usize>byte * 4;
      store<u32>(place, load<u32>(place) + 1);
      if (byte === before) repeated++;
      before = byte;
    }
    seen += <u32>(end - at);
  }
  squares = 0;
  for (let k: usize = 0; k < 1024; k += 4) {
    const times = <f64>load<u32>(counts + k);
    squares += times * times;
  }
}
