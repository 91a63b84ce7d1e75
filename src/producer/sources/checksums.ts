/** Published SHA-256 sums beside the files: `<name>.CHECKSUM` (Binance), `<name>.sha256`, lists such as `SHA256SUMS`. */

import type { Source, SourceObject } from './source.ts';

const SIDECAR = /\.(?:checksum|sha256|sha256sum)$/i;
const LIST = /sha-?256(?:sums?)?(?:\.txt)?$/i;

/** A list of all of Binance's files would be some MB; what is larger is no list of sums. */
const MAX_BYTES = 16 << 20;

/** What a sidecar's name has behind the name of its file. */
export const SIDECAR_SUFFIXES: readonly string[] = ['.CHECKSUM', '.sha256'];

export function isChecksumList(name: string): boolean {
  return LIST.test(name) && !SIDECAR.test(name);
}

export function isChecksumFile(name: string): boolean {
  return SIDECAR.test(name) || LIST.test(name);
}

/** The sums of the files in one folder, read when they are first asked for. */
export class FolderChecksums {
  readonly #source: Source;
  readonly #lists: readonly SourceObject[];
  readonly #sidecars: ReadonlyMap<string, SourceObject>;
  readonly #read = new Map<SourceObject, Promise<ReadonlyMap<string, string>>>();

  /** `before`: of the files of the same folder that came before these, whose lists need not be read again. */
  constructor(source: Source, files: readonly SourceObject[], before: FolderChecksums | null = null) {
    this.#source = source;
    this.#lists = files.filter(({ name }) => isChecksumList(name));
    for (const list of this.#lists) {
      const read = before === null ? undefined : before.#read.get(list);
      if (read !== undefined) this.#read.set(list, read);
    }
    this.#sidecars = new Map(
      files
        .filter(({ name }) => SIDECAR.test(name))
        .map((file) => [baseOf(file.name).replace(SIDECAR, '').toLowerCase(), file]),
    );
  }

  /** The published sum of a file, lower-case hex; null when there is none. */
  async of(name: string): Promise<string | null> {
    const base = baseOf(name);
    const sidecar = this.#sidecars.get(base.toLowerCase());
    if (sidecar !== undefined) {
      const sums = await this.#sumsIn(sidecar);
      const only = sums.size === 1 ? [...sums.values()][0] : undefined;
      const sum = sums.get(base) ?? only;
      if (sum !== undefined) return sum;
    }
    for (const list of this.#lists) {
      const sum = (await this.#sumsIn(list)).get(base);
      if (sum !== undefined) return sum;
    }
    return null;
  }

  #sumsIn(file: SourceObject): Promise<ReadonlyMap<string, string>> {
    let sums = this.#read.get(file);
    if (sums === undefined) {
      sums = this.#readSums(file);
      this.#read.set(file, sums);
    }
    return sums;
  }

  async #readSums(file: SourceObject): Promise<ReadonlyMap<string, string>> {
    if (file.sizeBytes > MAX_BYTES) return new Map();
    const reader = await this.#source.open(file);
    try {
      return parseSums((await reader.read(0, reader.sizeBytes)).toString('utf8'));
    } finally {
      await reader.close();
    }
  }
}

/** `<sum>  <name>` (coreutils), `SHA256 (<name>) = <sum>` (BSD) or a sum alone, a line each; by base name. */
function parseSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const bsd = /^SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line.trim());
    const gnu = /^([0-9a-f]{64})(?:\s+\*?(.+))?$/i.exec(line.trim());
    if (bsd !== null) sums.set(baseOf(bsd[1]!), bsd[2]!.toLowerCase());
    else if (gnu !== null) sums.set(baseOf(gnu[2] ?? ''), gnu[1]!.toLowerCase());
  }
  return sums;
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
