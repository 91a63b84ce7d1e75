/** GetObject of a range, and the checksum that S3 keeps for the whole object. */

import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ResponseBody } from '../transfer/body_pieces.ts';
import { contentTag, ifMatch } from '../transfer/content_tag.ts';
import {
  DIGEST_NAMES,
  type DigestName,
  type PartChecksum,
  type PublishedChecksum,
} from '../transfer/object_digest.ts';
import type { RangeFetcher, RangeResponse } from '../transfer/resumable_reader.ts';
import { TransferError } from '../transfer/transfer_error.ts';
import type { S3Access } from './s3_access.ts';
import type { S3Place } from './s3_uri.ts';

/** GetObjectAttributes gives at most so many parts a call, and an upload has at most 10,000. */
const PARTS_A_CALL = 1000;

export class S3Fetcher implements RangeFetcher {
  readonly uri: string;
  readonly #access: S3Access;
  readonly #place: S3Place;
  readonly #etag: string;

  constructor(access: S3Access, uri: string, place: S3Place, etag: string) {
    this.uri = uri;
    this.#access = access;
    this.#place = place;
    this.#etag = etag;
  }

  get server(): string {
    return this.#access.server;
  }

  async fetch(
    start: number,
    end: number,
    whole: boolean,
    signal: AbortSignal | undefined,
  ): Promise<RangeResponse> {
    const match = ifMatch(this.#etag);
    const output = await this.#access.call(
      this.#what(),
      (client, sdk, abortSignal) => {
        const command = new sdk.GetObjectCommand({
          Bucket: this.#place.bucket,
          Key: this.#place.key,
          ...(match === null ? {} : { IfMatch: match }),
          ...(whole ? {} : { Range: `bytes=${start}-${end - 1}` }),
          ...(this.#access.requestPayer ? { RequestPayer: 'requester' as const } : {}),
        });
        // As a header of its own, because the command's ChecksumMode makes the SDK verify each answer by itself.
        if (whole) command.middlewareStack.add(askForChecksum, { step: 'build', name: 'askForChecksum' });
        return client.send(command, abortSignal === undefined ? {} : { abortSignal });
      },
      signal,
    );
    return this.#response(output, whole, signal);
  }

  async #response(
    output: GetObjectCommandOutput,
    whole: boolean,
    signal: AbortSignal | undefined,
  ): Promise<RangeResponse> {
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(output.ContentRange ?? '');
    const totalBytes = range === null ? (output.ContentLength ?? null) : Number(range[2]);
    const modifiedMs = output.LastModified?.getTime() ?? null;
    const body = output.Body as unknown as ResponseBody;
    try {
      return {
        start: range === null ? 0 : Number(range[1]),
        totalBytes,
        etag:
          totalBytes === null && output.ETag === undefined
            ? null
            : contentTag(output.ETag, modifiedMs, totalBytes ?? 0),
        checksum: whole ? await this.#checksum(output, signal) : null,
        body,
      };
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  async #checksum(
    output: GetObjectCommandOutput,
    signal: AbortSignal | undefined,
  ): Promise<PublishedChecksum | null> {
    const found = publishedValue(output);
    if (found === null) return null;
    const parts = /^.+-([1-9]\d{0,4})$/.exec(found.value);
    if (parts === null) return { ...found, parts: null };
    const checksums = await this.#parts(found.name, Number(parts[1]), signal);
    return checksums === null ? null : { ...found, parts: checksums };
  }

  /** Checksums of the parts the object was uploaded in; null where the store does not tell them, or not us. */
  async #parts(
    name: DigestName,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<PartChecksum[] | null> {
    const parts: PartChecksum[] = [];
    while (parts.length < count) {
      let page: readonly PartChecksum[];
      try {
        page = await this.#partsAfter(name, parts.length, signal);
      } catch (error) {
        // The right to read attributes is one of its own, and many services do not know the call.
        if (error instanceof TransferError && error.retry === 'no') return null;
        throw error;
      }
      if (page.length === 0) return null;
      parts.push(...page);
    }
    return parts.length === count ? parts : null;
  }

  async #partsAfter(
    name: DigestName,
    after: number,
    signal: AbortSignal | undefined,
  ): Promise<PartChecksum[]> {
    const output = await this.#access.call(
      this.#what(),
      (client, sdk, abortSignal) =>
        client.send(
          new sdk.GetObjectAttributesCommand({
            Bucket: this.#place.bucket,
            Key: this.#place.key,
            ObjectAttributes: ['ObjectParts'],
            MaxParts: PARTS_A_CALL,
            ...(after === 0 ? {} : { PartNumberMarker: String(after) }),
            ...(this.#access.requestPayer ? { RequestPayer: 'requester' as const } : {}),
          }),
          abortSignal === undefined ? {} : { abortSignal },
        ),
      signal,
    );
    return (output.ObjectParts?.Parts ?? []).flatMap((part) => {
      const value = part[MEMBER[name]];
      return value === undefined || part.Size === undefined ? [] : [{ sizeBytes: part.Size, value }];
    });
  }

  #what() {
    return { uri: this.uri, bucket: this.#place.bucket, operation: 'get' as const };
  }
}

const MEMBER = {
  sha256: 'ChecksumSHA256',
  sha1: 'ChecksumSHA1',
  crc64nvme: 'ChecksumCRC64NVME',
  crc32c: 'ChecksumCRC32C',
  crc32: 'ChecksumCRC32',
} as const satisfies Record<DigestName, keyof GetObjectCommandOutput>;

function publishedValue(output: GetObjectCommandOutput): { name: DigestName; value: string } | null {
  for (const name of DIGEST_NAMES) {
    const value = output[MEMBER[name]];
    if (value !== undefined) return { name, value };
  }
  return null;
}

// biome-ignore lint/suspicious/noExplicitAny: the SDK's middleware is typed by the command it is added to.
function askForChecksum(next: (args: any) => Promise<any>): (args: any) => Promise<any> {
  return (args) => {
    args.request.headers['x-amz-checksum-mode'] = 'ENABLED';
    return next(args);
  };
}
