/** The natural logarithm of `src/indicators/ln.ts`, to the same bits; see there. Of finite numbers above 0. */

export function ln(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  const mantissa = <i32>((bits >> 32) & 0xfffff);
  // Near 1, where prices of neighbouring bars have their quotients: no exponent to take off.
  const carry = (mantissa + 0x95f64) & 0x100000;
  const exponent = <i32>(bits >> 52) - 1023 + (carry >> 20);
  if (exponent !== 0) return lnFar(x);
  const f = x - 1;
  if ((0xfffff & (2 + mantissa)) < 3) {
    if (f === 0) return 0;
    return f - f * f * (0.5 - 0.3333333333333333 * f);
  }
  const s = f / (2 + f);
  const r = series(s);
  if (((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0) {
    const half = 0.5 * f * f;
    return f - (half - s * (half + r));
  }
  return f - s * (f - r);
}

function series(s: f64): f64 {
  const z = s * s;
  const w = z * z;
  const odd = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const even =
    z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  return even + odd;
}

/** The same, of any exponent. */
function lnFar(given: f64): f64 {
  let x = given;
  let exponent: i32 = 0;
  if (x < 2.2250738585072014e-308) {
    exponent = -54;
    x *= 18014398509481984;
  }
  const bits = reinterpret<u64>(x);
  const mantissa = <i32>((bits >> 32) & 0xfffff);
  const carry = (mantissa + 0x95f64) & 0x100000;
  exponent += <i32>(bits >> 52) - 1023 + (carry >> 20);
  const high = <u64>(mantissa | (carry ^ 0x3ff00000));
  const f = reinterpret<f64>((high << 32) | (bits & 0xffff_ffff)) - 1;
  const k = <f64>exponent;
  const lower = k * 1.9082149292705877e-10;
  const upper = k * 0.6931471803691238;
  if ((0xfffff & (2 + mantissa)) < 3) {
    if (f === 0) return upper + lower;
    const r = f * f * (0.5 - 0.3333333333333333 * f);
    return upper - (r - lower - f);
  }
  const s = f / (2 + f);
  const r = series(s);
  if (((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0) {
    const half = 0.5 * f * f;
    return upper - (half - (s * (half + r) + lower) - f);
  }
  return upper - (s * (f - r) - lower - f);
}
