/**
 * The natural logarithm as fdlibm has it (`e_log.c`, Sun Microsystems 1993; within 1 ulp): written out here and, the same
 * once more, in `wasm/ln.ts`, so that returns have the same bits in both, and in every version of Node on every machine.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
/** Coefficients of the series in s², s = f/(2+f). */
const LG = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
] as const;
const LEAST_NORMAL = 2.2250738585072014e-308;
const TWO_54 = 18_014_398_509_481_984;

const double = new Float64Array(1);
/** Its low and its high half. */
const halves = new Uint32Array(double.buffer);

/** ln(x) of a finite x above 0. */
export function ln(x: number): number {
  const isSmall = x < LEAST_NORMAL;
  double[0] = isSmall ? x * TWO_54 : x;
  const high = halves[1]!;
  const mantissa = high & 0xfffff;
  // x = 2^k·(1 + f), with 1 + f between √½ and √2.
  const carry = (mantissa + 0x95f64) & 0x100000;
  const k = (high >>> 20) - 1023 + (carry >>> 20) - (isSmall ? 54 : 0);
  halves[1] = mantissa | (carry ^ 0x3ff00000);
  const f = double[0] - 1;
  const upper = k * LN2_HIGH;
  const lower = k * LN2_LOW;
  if ((0xfffff & (2 + mantissa)) < 3) {
    if (f === 0) return upper + lower;
    const r = f * f * (0.5 - (1 / 3) * f);
    return k === 0 ? f - r : upper - (r - lower - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (LG[1] + w * (LG[3] + w * LG[5]));
  const even = z * (LG[0] + w * (LG[2] + w * (LG[4] + w * LG[6])));
  const r = even + odd;
  if (((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0) {
    const half = 0.5 * f * f;
    return k === 0 ? f - (half - s * (half + r)) : upper - (half - (s * (half + r) + lower) - f);
  }
  return k === 0 ? f - s * (f - r) : upper - (s * (f - r) - lower - f);
}
