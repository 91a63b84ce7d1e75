/** Buckets of S3 and of services that speak its protocol. */

import { CURRENCIES, spellings } from '../../../base/spellings.ts';
import { BackhaulError } from '../../../faults/fault.ts';
import { hiddenKind, isHiddenPath } from '../object_kind.ts';
import { secretParameter } from '../signed_address.ts';
import type { ListFilter, ObjectReader, Source, SourceObject, SourceOptions } from '../source.ts';
import { contentTag } from '../transfer/content_tag.ts';
import { requestGate } from '../transfer/request_gate.ts';
import { ResumableReader } from '../transfer/resumable_reader.ts';
import type { TransferSettings } from '../transfer/retries.ts';
import { type TransferLimits, transferLimits } from '../transfer/transfer_limits.ts';
import type { ListedKey } from './list_answer.ts';
import { allKeys, narrowedKeys, type Wanted } from './narrowed_keys.ts';
import { wantedDays } from './path_dates.ts';
import { type S3Access, s3Access } from './s3_access.ts';
import { S3Fetcher } from './s3_fetcher.ts';
import { type ListPages, pagesOf } from './s3_pages.ts';
import { parseS3Uri, type S3Place, s3Uri } from './s3_uri.ts';
import { CHECKSUM_LIST, sumsFirst } from './sums_first.ts';

/**
 * The source at `s3://bucket[/prefix]`: one object, a folder, or (where there is neither) all keys that begin so.
 * Makes no request yet. `set` overrides the limits, for tests.
 * @throws BackhaulError `usage`
 */
export async function openS3Source(
  uri: string,
  options: SourceOptions,
  set: Partial<TransferLimits> = {},
): Promise<Source> {
  const place = parseS3Uri(uri);
  const name = uri.includes('?') ? secretParameter(uri.slice(uri.indexOf('?'))) : null;
  if (name !== null) {
    throw new BackhaulError({
      kind: 'usage',
      message: `the address is signed or holds a key (${name}), and it would be stored with the task`,
      hint: 'write s3://bucket/key alone; credentials come from the environment or a profile',
    });
  }
  const limits = transferLimits(set);
  return new S3Source(place, await s3Access(options, limits), limits);
}

class S3Source implements Source {
  readonly uri: string;
  readonly #place: S3Place;
  readonly #access: S3Access;
  readonly #limits: TransferLimits;

  constructor(place: S3Place, access: S3Access, limits: TransferLimits) {
    this.uri = s3Uri(place.bucket, place.key);
    this.#place = place;
    this.#access = access;
    this.#limits = limits;
  }

  /**
   * Page by page as it is read. A listed object's name is its whole key, so that layouts see every folder.
   * @throws BackhaulError `not-found` when nothing at all is there, `forbidden`, `credentials`, `network` …
   */
  async *list(
    filter: ListFilter,
    signal?: AbortSignal,
    onUnread?: (kind: string) => void,
  ): AsyncIterable<SourceObject> {
    const { bucket } = this.#place;
    const pages = sumsFirst(pagesOf(this.#access, bucket, this.#settings(false), signal));
    let any = false;
    for await (const key of this.#keys(pages, wantedOf(filter), signal)) {
      any = true;
      // A key that ends in a slash marks a folder.
      if (key.key.endsWith('/')) continue;
      if (!isHiddenPath(key.key)) {
        yield { ...describe(key), uri: s3Uri(bucket, key.key) };
        continue;
      }
      const kind = hiddenKind(key.key);
      if (kind !== null) onUnread?.(kind);
    }
    if (!any && !(await isAnything(pages, this.#place.key))) throw this.#nothing();
  }

  async open(object: { uri: string; sizeBytes: number; etag: string }): Promise<ObjectReader> {
    const fetcher = new S3Fetcher(this.#access, object.uri, parseS3Uri(object.uri), object.etag);
    return new ResumableReader(fetcher, object, this.#settings(true));
  }

  async openNamed(uri: string, signal?: AbortSignal): Promise<ObjectReader | null> {
    // Where there is no right to list, what is not there is answered as forbidden.
    const found = await this.#head(parseS3Uri(uri).key, signal).catch((error: unknown) => {
      if (error instanceof BackhaulError && ['not-found', 'forbidden'].includes(error.fault.kind))
        return null;
      throw error;
    });
    return found === null ? null : this.open({ uri, sizeBytes: found.sizeBytes, etag: found.etag });
  }

  #settings(addressKnown: boolean): TransferSettings {
    return { limits: this.#limits, gate: requestGate(), addressKnown };
  }

  /** A name with a suffix is tried as an object first, any other as a folder: the likelier costs one request. */
  async *#keys(
    pages: ListPages,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListedKey, void, void> {
    const { key } = this.#place;
    if (key === '' || key.endsWith('/')) return yield* narrowedKeys(pages, key, wanted);
    if (/\.zip\.part$/i.test(key)) return yield* allKeys(pages, key);
    const asFolder = () => narrowedKeys(pages, `${key}/`, wanted);
    const asObject = () => this.#object(pages, key, signal);
    const ways = /\.\w{2,8}$/.test(key) ? [asObject, asFolder] : [asFolder, asObject];
    for (const way of ways) {
      let any = false;
      for await (const listed of way()) {
        any = true;
        yield listed;
      }
      if (any) return;
    }
    if (!(await isAnything(pages, `${key}/`))) yield* allKeys(pages, key);
  }

  /** One object. The right to read it does not bring the right to list: then it is asked for by its name. */
  async *#object(
    pages: ListPages,
    key: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListedKey, void, void> {
    try {
      yield* oneObject(pages, key);
    } catch (error) {
      if (!(error instanceof BackhaulError) || error.fault.kind !== 'forbidden') throw error;
      const object = await this.#head(key, signal).catch(() => null);
      if (object === null) throw error;
      yield object;
    }
  }

  async #head(key: string, signal: AbortSignal | undefined): Promise<ListedKey> {
    const { bucket } = this.#place;
    const output = await this.#access.call(
      { uri: this.uri, bucket, operation: 'get' },
      (client, sdk, abortSignal) =>
        client.send(
          new sdk.HeadObjectCommand({
            Bucket: bucket,
            Key: key,
            ...(this.#access.requestPayer ? { RequestPayer: 'requester' as const } : {}),
          }),
          abortSignal === undefined ? {} : { abortSignal },
        ),
      signal,
    );
    const sizeBytes = output.ContentLength ?? 0;
    const modifiedMs = output.LastModified?.getTime() ?? null;
    return { key, sizeBytes, modifiedMs, etag: contentTag(output.ETag, modifiedMs, sizeBytes) };
  }

  #nothing(): BackhaulError {
    return new BackhaulError({
      kind: 'not-found',
      message: 'there is nothing with this prefix in the bucket',
      where: { uri: this.uri },
      hint: `see what there is: aws s3 ls s3://${this.#place.bucket}/`,
    });
  }
}

/** The object itself and what belongs to it: its checksums, and the parts of an archive in parts. */
async function* oneObject(pages: ListPages, key: string): AsyncGenerator<ListedKey, void, void> {
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  let found = false;
  for await (const page of pages({ prefix: key, level: true })) {
    for (const listed of page.keys) {
      const rest = listed.key.slice(key.length);
      if (/^(\.part\d{2,4})?$/.test(rest)) found = true;
      if (BELONGS.test(rest)) yield listed;
    }
    // Sorted by bytes, so what begins with the key and a dot comes early among thousands of longer names.
    if (page.keys.some((listed) => listed.key > `${key}/`)) break;
  }
  if (!found) return;
  for await (const page of pages({ prefix: folder + CHECKSUM_LIST, level: true })) yield* page.keys;
}

/** Behind an object's name: itself, a part of it, the checksum of either. */
const BELONGS = /^(?:\.part\d{2,4})?(?:\.(?:CHECKSUM|sha256|sha256sum))?$/i;

async function isAnything(pages: ListPages, prefix: string): Promise<boolean> {
  for await (const page of pages({ prefix, maxKeys: 1 })) {
    if (page.keys.length > 0) return true;
  }
  return false;
}

function wantedOf(filter: ListFilter): Wanted {
  const days = wantedDays(filter.fromUs, filter.toUs);
  return { days, symbols: filter.symbols === null ? null : spelled(filter.symbols) };
}

/** How vendors may spell the symbols in a folder's name: capitals, with and without what divides base and quote. */
function spelled(symbols: readonly string[]): string[] {
  const all = symbols.flatMap((symbol) => {
    const upper = symbol.toUpperCase();
    return [upper, ...spellings(upper.replace(/[/_:\s-]/g, ''), CURRENCIES)];
  });
  return [...new Set(all)].filter((name) => !name.includes('/'));
}

function describe(listed: ListedKey): Omit<SourceObject, 'uri'> {
  return {
    name: listed.key,
    sizeBytes: listed.sizeBytes,
    etag: listed.etag,
    modifiedMs: listed.modifiedMs,
  };
}
