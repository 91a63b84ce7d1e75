/** Whole numbers of a smallest unit, written as the decimals vendors write. */

/** How a file spells its numbers. `repr` is Python's: `61234.1`, `60000.0`, `1.188e-05`. */
export type Spelling = 'fixed' | 'trimmed' | 'repr';

/** `units × 10^-decimals` as text; exact, since no double is involved. `units` is whole, positive, below 2^53. */
export function decimalText(units: number, decimals: number, spelling: Spelling): string {
  if (spelling === 'fixed') return positional(units, decimals);
  const small = spelling === 'repr' && units < 10 ** (decimals - 4) && units > 0;
  if (small) return scientific(units, decimals);
  let [whole, places] = [units, decimals];
  while (places > 0 && whole % 10 === 0) {
    whole /= 10;
    places--;
  }
  return places === 0 && spelling === 'repr' ? `${whole}.0` : positional(whole, places);
}

function positional(units: number, decimals: number): string {
  if (decimals === 0) return String(units);
  const digits = String(units).padStart(decimals + 1, '0');
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Python leaves the positional notation below 1e-4. */
function scientific(units: number, decimals: number): string {
  const digits = String(units);
  const exponent = decimals - digits.length + 1;
  const rest = digits.slice(1).replace(/0+$/, '');
  return `${digits[0]}${rest === '' ? '' : `.${rest}`}e-${String(exponent).padStart(2, '0')}`;
}
