/** Numbers, sizes, durations, rates and times as a person reads them. */

/** Made when the first number is told: it takes 25 ms, a twentieth of the start of a command that tells none. */
let whole: Intl.NumberFormat | null = null;

/** `1,234,567`. */
export function count(number: number): string {
  whole ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  return whole.format(number);
}

/** `1 file`, `3 files`, `2 entries`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `950`, `12.3k`, `4.56M`: three digits that matter. */
export function short(number: number): string {
  for (const [step, suffix] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // 999,950 would read 1000k: the next step starts where rounding gets there.
    if (number >= step * 0.9995) return `${threeDigits(number / step)}${suffix}`;
  }
  return String(Math.round(number));
}

/** `812 B`, `1.2 MB`, `3.45 GB`: powers of 1000, as disks and networks are sold. */
export function bytes(number: number): string {
  if (number < 1000) return `${Math.round(number)} B`;
  return `${short(number).replace(/[kMG]$/, (suffix) => ` ${suffix === 'k' ? 'k' : suffix}B`)}`;
}

/** `0.42 s`, `12.3 s`, `2:05 min`, `1:02:05 h`. */
export function duration(seconds: number): string {
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return `${clock(seconds)} ${seconds < 3599.5 ? 'min' : 'h'}`;
}

/** `0:07`, `12:34`, `1:02:05`. */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (part: number): string => String(part).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  return hours === 0 ? `${minutes}:${two(total % 60)}` : `${hours}:${two(minutes)}:${two(total % 60)}`;
}

/** `2024-04-01 13:30` UTC, with seconds where there are some. µs since 1970. */
export function instant(us: number): string {
  const text = new Date(Math.floor(us / 1000)).toISOString();
  return `${text.slice(0, 10)} ${text.slice(17, 19) === '00' ? text.slice(11, 16) : text.slice(11, 19)}`;
}

/** `1m`, `4h`, `1d`, `1w`, `1mo`. */
export function interval(seconds: number): string {
  if (seconds === 2_592_000) return '1mo';
  for (const [step, suffix] of [
    [604_800, 'w'],
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
  ] as const) {
    if (seconds >= step && seconds % step === 0) return `${seconds / step}${suffix}`;
  }
  return `${seconds}s`;
}

/** `100%`, `99.97%`: never 100 while anything is missing. */
export function percent(share: number): string {
  if (share >= 1) return '100%';
  const text = (Math.floor(share * 10_000) / 100).toFixed(share < 0.1 ? 1 : 2).replace(/\.?0+$/, '');
  return `${text}%`;
}

function threeDigits(number: number): string {
  return number.toFixed(number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
}
