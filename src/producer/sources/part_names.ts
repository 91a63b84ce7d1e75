/** Names of archives in numbered parts: `history.zip.part00`, `history.zip.part01` … */

const PART = /^(.+\.zip)\.part(\d{2,4})$/i;

/** What the names of all parts of an archive begin with, up to `.zip`; null when the name is no part's. */
export function partsPrefix(name: string): string | null {
  return PART.exec(name)?.[1] ?? null;
}

/** The number of a part, or -1. */
export function partNumber(name: string): number {
  return Number(PART.exec(name)?.[2] ?? -1);
}
