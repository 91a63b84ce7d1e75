/** Lists of checksums before the files they are of, whatever their names. */

import type { KeyPage, ListedKey } from './list_answer.ts';
import type { ListPages, PageRequest } from './s3_pages.ts';

/** What the names of lists of SHA-256 sums begin with. */
export const CHECKSUM_LIST = 'SHA256SUMS';

/**
 * Pages in which a folder's list of checksums is among its first 1,000 keys, wherever its name would stand: a folder
 * of 100,000 files is loaded while it is listed, and its first files want their checksums too. Costs one request for
 * a folder that fills a page.
 */
export function sumsFirst(pages: ListPages): ListPages {
  return (request) =>
    request.noLists || request.maxKeys !== undefined ? pages(request) : withSums(pages, request);
}

async function* withSums(pages: ListPages, request: PageRequest): AsyncGenerator<KeyPage, void, void> {
  let asked: string | null = null;
  const given = new Set<string>();
  for await (const page of pages(request)) {
    const keys = given.size === 0 ? page.keys : page.keys.filter(({ key }) => !given.has(key));
    const folder = folderFilledBy(page);
    let sums: ListedKey[] = [];
    if (folder !== null && folder !== asked) {
      asked = folder;
      const last = page.keys.at(-1)!.key;
      sums = (await listsIn(pages, folder)).filter(({ key }) => key > last);
      for (const { key } of sums) given.add(key);
    }
    yield { ...page, keys: [...sums, ...keys] };
  }
}

/** The folder that all keys of a page lie in, where more of it may follow. */
function folderFilledBy({ keys, next }: KeyPage): string | null {
  const [first, last] = [keys[0], keys.at(-1)];
  if (next === null || first === undefined || last === undefined) return null;
  const folder = folderOf(first.key);
  return folder === folderOf(last.key) ? folder : null;
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

async function listsIn(pages: ListPages, folder: string): Promise<ListedKey[]> {
  const lists: ListedKey[] = [];
  for await (const page of pages({ prefix: folder + CHECKSUM_LIST, level: true })) lists.push(...page.keys);
  return lists;
}
