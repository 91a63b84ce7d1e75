/** Ways in which strangers' files differ from good ones. All of them are pure: the same dice, the same bytes. */

/** A generator of numbers that a seed decides (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In `[0, 1)`. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in `[0, below)`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

export type Mutation = (bytes: Buffer, dice: Dice) => Buffer;

const MB = 1 << 20;

function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

function join(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

function byLine(change: (lines: string[], dice: Dice) => readonly string[]): Mutation {
  return (bytes, dice) => join(change(linesOf(bytes), dice));
}

/** Changes one field of some lines; at least of one. */
function byField(change: (field: string, dice: Dice) => string, share = 0.02): Mutation {
  return byLine((lines, dice) => {
    const certain = dice.below(lines.length);
    return lines.map((line, i) => {
      if (i !== certain && dice.next() >= share) return line;
      const fields = line.split(',');
      const at = dice.below(fields.length);
      fields[at] = change(fields[at]!, dice);
      return fields.join(',');
    });
  });
}

/** Puts something in at some places; at least at one. */
function inserted(what: (dice: Dice) => Uint8Array, most = 8): Mutation {
  return (bytes, dice) => {
    const at = Array.from({ length: 1 + dice.below(most) }, () => dice.below(bytes.length + 1)).sort(
      (a, b) => a - b,
    );
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const to of at) {
      pieces.push(bytes.subarray(from, to), what(dice));
      from = to;
    }
    return Buffer.concat([...pieces, bytes.subarray(from)]);
  };
}

function text(...some: readonly string[]): (dice: Dice) => Uint8Array {
  return (dice) => Buffer.from(dice.pick(some));
}

/** A field of `length` bytes in one line of the file. */
function wideField(length: number, quote: string): Mutation {
  return byLine((lines, dice) => {
    const at = dice.below(lines.length);
    const fields = lines[at]!.split(',');
    fields[dice.below(fields.length)] =
      `${quote}${dice.pick(['x', '1', '0', ' ', '.']).repeat(length)}${quote}`;
    return lines.with(at, fields.join(','));
  });
}

function utf16(bytes: Buffer, mark: boolean, swap: boolean): Buffer {
  const wide = Buffer.from((mark ? '\ufeff' : '') + bytes.toString('latin1'), 'utf16le');
  return swap ? wide.swap16() : wide;
}

const HOSTILE_FIELDS = [
  '',
  ' ',
  'NULL',
  'nan',
  'Infinity',
  '-0',
  '-1',
  '1e400',
  '1e-400',
  '0x10',
  '1_000',
  '1.2.3',
  '٣',
  '１',
  '99999999999999999999999999999',
  '0.00000000000000000000000000000000001',
  '9007199254740993',
  '1e5',
  '=cmd()',
  "x'); DROP TABLE backhaul.bars; --",
  '\\N',
  '$1',
  '%s%n',
  '\x1b[2J',
  '\u202e',
  '\ud83d\ude00',
  '\xff',
  '-9223372036854775809',
  '253402300800',
];

/** Every way, by its name. Each takes a whole file and gives another. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  nothing: (bytes) => bytes,
  'a flipped bit': (bytes, dice) => {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[dice.below(changed.length)]! ^= 1 << dice.below(8);
    return changed;
  },
  'flipped bytes': (bytes, dice) => {
    const changed = Buffer.from(bytes);
    for (let n = 1 + dice.below(64); n > 0 && changed.length > 0; n--)
      changed[dice.below(changed.length)] = dice.below(256);
    return changed;
  },
  'a cut end': (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  'a cut start': (bytes, dice) => bytes.subarray(dice.below(bytes.length + 1)),
  'a hole': (bytes, dice) => {
    const from = dice.below(bytes.length + 1);
    const to = Math.min(bytes.length, from + dice.below(1000));
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  'a file twice': (bytes) => Buffer.concat([bytes, bytes]),
  'a part twice': (bytes, dice) => {
    const from = dice.below(bytes.length + 1);
    const to = Math.min(bytes.length, from + dice.below(5000));
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  'lines twice': byLine((lines, dice) =>
    lines.flatMap((line) => (dice.next() < 0.1 ? [line, line] : [line])),
  ),
  'lines in another order': byLine((lines, dice) => {
    const mixed = [...lines];
    for (let n = 1 + dice.below(6); n > 0; n--) {
      const [a, b] = [dice.below(mixed.length), dice.below(mixed.length)];
      [mixed[a], mixed[b]] = [mixed[b]!, mixed[a]!];
    }
    return mixed;
  }),
  'the other way round': byLine((lines) => lines.reverse()),
  'a header again': byLine((lines, dice) => lines.toSpliced(dice.below(lines.length), 0, lines[0]!)),
  'no first line': byLine((lines) => lines.slice(1)),
  CRLF: (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
  'CRLF here and there': byLine((lines, dice) => lines.map((line) => line + (dice.next() < 0.5 ? '\r' : ''))),
  'CR alone': (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r'), 'latin1'),
  'CR inside': inserted(text('\r')),
  'no last newline': (bytes) => Buffer.from(bytes.toString('latin1').replace(/\n$/, ''), 'latin1'),
  'blank lines': byLine((lines, dice) =>
    lines.flatMap((line) => (dice.next() < 0.2 ? [line, dice.pick(['', '\r', ' ', '\t'])] : [line])),
  ),
  'a byte order mark': (bytes) => Buffer.concat([Buffer.from('\ufeff'), bytes]),
  'two byte order marks': (bytes) => Buffer.concat([Buffer.from('\ufeff\ufeff'), bytes]),
  'a byte order mark inside': inserted(text('\ufeff'), 2),
  'quoted fields': byLine((lines) =>
    lines.map((line) =>
      line
        .split(',')
        .map((field) => `"${field.replaceAll('"', '""')}"`)
        .join(','),
    ),
  ),
  'stray quotes': inserted(text('"', '""', '"""', ',"', '",', '"\n', '\n"')),
  'a quote that never ends': byLine((lines, dice) => {
    const at = dice.below(lines.length);
    return lines.with(at, `"${lines[at]}`);
  }),
  NULs: inserted(() => Buffer.alloc(1), 4),
  'a run of NULs': inserted((dice) => Buffer.alloc(1 + dice.below(5000)), 1),
  'control characters': inserted(text('\x1b[31m', '\x07', '\x08', '\x7f', '\x9b', '\u202e', '\u2066')),
  'trailing delimiters': byLine((lines, dice) => lines.map((line) => line + ','.repeat(1 + dice.below(2)))),
  'other delimiters': (bytes, dice) =>
    Buffer.from(bytes.toString('latin1').replaceAll(',', dice.pick([';', '\t', '|'])), 'latin1'),
  'hostile fields': byField((_, dice) => dice.pick(HOSTILE_FIELDS)),
  'many hostile fields': byField((_, dice) => dice.pick(HOSTILE_FIELDS), 0.5),
  'digits changed': byField((field, dice) => field.replace(/\d/, String(dice.below(10))), 0.2),
  'signs and text behind': byField((field, dice) =>
    dice.pick([`-${field}`, `+${field}`, `${field}x`, `${field} `]),
  ),
  'stamps of another unit': byField((field) => (/^\d{9,13}$/.test(field) ? `${field}000` : field), 1),
  'too many fields': byField((field) => `${field},${field}`),
  'too few fields': byLine((lines, dice) =>
    lines.map((line) => (dice.next() < 0.05 ? line.replace(/,[^,]*/, '') : line)),
  ),
  'noise inside': inserted((dice) =>
    Buffer.from(Array.from({ length: dice.below(300) }, () => dice.below(256))),
  ),
  'noise alone': (_, dice) => Buffer.from(Array.from({ length: dice.below(5000) }, () => dice.below(256))),
  'an empty file': () => Buffer.alloc(0),
  'newlines alone': (_, dice) => Buffer.from(dice.pick(['\n', '\r\n', '\n\n\n', '\ufeff', '\ufeff\n', '\r'])),
  'UTF-16': (bytes, dice) => utf16(bytes, true, dice.next() < 0.5),
  'UTF-16 without a mark': (bytes, dice) => utf16(bytes, false, dice.next() < 0.5),
  'UTF-16 inside': (bytes, dice) => {
    const at = dice.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), utf16(bytes.subarray(at), false, false)]);
  },
  'a field of 1 MB': wideField(MB, ''),
  'a field of 1 MB less its line': wideField(MB - 500, ''),
  'a quoted field of 1 MB': wideField(MB - 500, '"'),
  'a field of 3 MB': wideField(3 * MB, ''),
  'a million columns': byLine((lines, dice) => {
    const at = dice.below(lines.length);
    return lines.with(at, lines[at] + ','.repeat(1_000_000));
  }),
  'a million columns with a quote': byLine((lines, dice) => {
    const at = dice.below(lines.length);
    return lines.with(at, `"1"${',1'.repeat(500_000)}`);
  }),
  'an endless line': (bytes, dice) =>
    Buffer.concat([bytes, Buffer.alloc(6 * MB, dice.pick(['1', ',', '"', '0', 'x', ' ']))]),
  'an endless line in front': (bytes, dice) =>
    Buffer.concat([
      Buffer.alloc(3 * MB, dice.pick(['1', ',', '"', '0', 'x', ' '])),
      Buffer.from('\n'),
      bytes,
    ]),
  'one line of all': (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\n', ''), 'latin1'),
};

/** Those that make large files: in combinations they are rarer, or all time would go there. */
export const LARGE: ReadonlySet<string> = new Set(
  Object.keys(MUTATIONS).filter((name) => /MB|million|endless/.test(name)),
);
