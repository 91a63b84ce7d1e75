import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inflateSync } from 'node:zlib';

/** A headless Chromium, where one is installed. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of the browser; null where there is none. */
export function browser(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of NAMES) {
    const folder = folders.find((one) => existsSync(join(one, name)));
    if (folder !== undefined) return join(folder, name);
  }
  return null;
}

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1280,1000'];

function run(path: string, args: readonly string[]): string {
  return execFileSync(path, [...FLAGS, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 50_000,
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** The document as the browser has understood it. */
export function domOf(path: string, page: string): string {
  return run(path, ['--dump-dom', `file://${page}`]);
}

export function screenshotOf(path: string, page: string, picture: string): string {
  run(path, [`--screenshot=${picture}`, `file://${page}`]);
  return picture;
}

/** Pixels of a PNG (8 bits, RGB or RGBA, not interlaced) by colour, as `#rrggbb`. */
export function coloursOf(png: Buffer): Map<string, number> {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const pixel = png[25] === 6 ? 4 : 3;
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(data));
  const row = width * pixel;
  const colours = new Map<string, number>();
  let above: Uint8Array = Buffer.alloc(row);
  for (let y = 0; y < height; y++) {
    const line = unfiltered(
      raw.subarray(y * (row + 1) + 1, (y + 1) * (row + 1)),
      raw[y * (row + 1)]!,
      above,
      pixel,
    );
    for (let x = 0; x < row; x += pixel) {
      const colour = `#${line.toString('hex', x, x + 3)}`;
      colours.set(colour, (colours.get(colour) ?? 0) + 1);
    }
    above = line;
  }
  return colours;
}

/** Filters of the PNG specification, chapter 9. */
function unfiltered(line: Uint8Array, filter: number, above: Uint8Array, pixel: number): Buffer {
  const out = Buffer.from(line);
  for (let i = 0; i < out.length; i++) {
    const left = i < pixel ? 0 : out[i - pixel]!;
    const up = above[i]!;
    const upLeft = i < pixel ? 0 : above[i - pixel]!;
    const add = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter]!;
    out[i] = (out[i]! + add) & 0xff;
  }
  return out;
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [da, db, dc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return da <= db && da <= dc ? a : db <= dc ? b : c;
}
