/** An {@link ObjectReader} over ranged requests: S3's and https's, which differ only in how a range is asked for. */

import { BackhaulError } from '../../../faults/fault.ts';
import type { ObjectReader } from '../source.ts';
import { type BodyOf, bodyPieces, type ResponseBody } from './body_pieces.ts';
import { ObjectDigest, type PublishedChecksum } from './object_digest.ts';
import type { Place } from './request_gate.ts';
import { Retries, type TransferSettings } from './retries.ts';
import { TransferError } from './transfer_error.ts';

/** What came back for a range. */
export interface RangeResponse {
  /** Where the body starts in the object: 0 where the server sent everything, whatever it was asked for. */
  readonly start: number;
  /** The object's size by this response; null where it does not say. */
  readonly totalBytes: number | null;
  /** In the form of `SourceObject.etag`; null where the response has none. */
  readonly etag: string | null;
  /** Checksum of the whole object. */
  readonly checksum: PublishedChecksum | null;
  readonly body: ResponseBody;
}

/** How one kind of source asks for bytes. */
export interface RangeFetcher extends BodyOf {
  /**
   * The bytes `[start, end)`; `whole` when that is all there is, so that the request need not name a range.
   * @throws TransferError
   */
  fetch(start: number, end: number, whole: boolean, signal: AbortSignal | undefined): Promise<RangeResponse>;
}

/** What the listing said, and what every response must agree with. */
export interface ListedObject {
  readonly sizeBytes: number;
  readonly etag: string;
}

/** How far one `stream()` has come. */
interface Progress {
  readonly start: number;
  readonly end: number;
  readonly whole: boolean;
  readonly retries: Retries;
  at: number;
  digest: ObjectDigest | null;
}

export class ResumableReader implements ObjectReader {
  readonly uri: string;
  readonly sizeBytes: number;
  readonly #etag: string;
  readonly #fetcher: RangeFetcher;
  readonly #settings: TransferSettings;

  constructor(fetcher: RangeFetcher, listed: ListedObject, settings: TransferSettings) {
    this.uri = fetcher.uri;
    this.sizeBytes = listed.sizeBytes;
    this.#etag = listed.etag;
    this.#fetcher = fetcher;
    this.#settings = settings;
  }

  async read(start: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    this.#checkBounds(start, start + length);
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for await (const piece of this.stream(start, start + length, signal)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /**
   * Goes on from the last byte after a broken, stalled or short answer. A stream of the whole object is held
   * against the checksum its store publishes; the last piece may have been handed out when it is found to differ.
   * @throws BackhaulError `source-changed`, `checksum`, `truncated`, `timeout`, `network`, `forbidden` …
   */
  async *stream(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    this.#checkBounds(start, end);
    const whole = start === 0 && end === this.sizeBytes;
    const progress: Progress = {
      start,
      at: start,
      end,
      whole,
      digest: null,
      retries: new Retries(this.#settings),
    };
    while (progress.at < end) {
      const place = await this.#settings.gate.enter(signal);
      let failure: unknown = null;
      try {
        yield* this.#oneResponse(progress, place, signal);
        if (progress.at < end) failure = this.#short(progress);
      } catch (error) {
        // Reading on to the end of the body keeps the connection; nothing is missing when that fails.
        if (progress.at < end || !(error instanceof TransferError)) failure = error;
      } finally {
        place.leave();
      }
      if (failure !== null) await progress.retries.pause(failure, signal);
    }
    progress.digest?.finish();
  }

  async close(): Promise<void> {}

  /** What one request yields of the bytes still missing. */
  async *#oneResponse(
    progress: Progress,
    place: Place,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { end, whole } = progress;
    const asked = progress.at;
    const response = await this.#fetcher.fetch(asked, end, whole && asked === 0, signal);
    try {
      this.#checkResponse(response, progress);
      if (whole && asked === 0 && response.checksum !== null) {
        progress.digest = new ObjectDigest(this.uri, response.checksum);
      }
      let position = response.start;
      for await (const piece of bodyPieces(
        response.body,
        this.#fetcher,
        this.#settings.limits.idleTimeoutMs,
        signal,
      )) {
        // A server that resends everything is read up to where the last answer broke off.
        const wanted = piece.subarray(Math.max(0, progress.at - position), Math.max(0, end - position));
        position += piece.length;
        if (wanted.length === 0) {
          if (progress.at < end) continue;
          return;
        }
        progress.at += wanted.length;
        progress.retries.progress(wanted.length);
        progress.digest?.update(wanted);
        place.handingOver();
        yield wanted;
        place.takenUp();
      }
    } finally {
      response.body.destroy();
    }
  }

  #checkBounds(start: number, end: number): void {
    if (start >= 0 && start <= end && end <= this.sizeBytes) return;
    throw new BackhaulError({
      kind: 'truncated',
      message: 'the object ends before the bytes that ought to be there',
      where: { uri: this.uri, byteOffset: start },
      expected: `bytes ${start} to ${end}`,
      found: `${this.sizeBytes} bytes`,
    });
  }

  /** @throws BackhaulError `source-changed`, `unsupported` */
  #checkResponse(response: RangeResponse, { start, at }: Progress): void {
    const { etag, totalBytes } = response;
    if (etag !== null && etag !== this.#etag) throw this.#changed(`ETag ${this.#etag}`, `ETag ${etag}`);
    // The same ETag and fewer bytes is a transfer cut short, which is gone on with.
    if (
      totalBytes !== null &&
      (totalBytes > this.sizeBytes || (totalBytes < this.sizeBytes && etag === null))
    ) {
      throw this.#changed(`${this.sizeBytes} bytes`, `${totalBytes} bytes`);
    }
    // Everything instead of a range will do to go on with a stream of everything, not to look into a zip.
    if (response.start === at || (response.start === 0 && start === 0)) return;
    throw new BackhaulError({
      kind: 'unsupported',
      message: `${this.#fetcher.server} does not serve parts of a file`,
      where: { uri: this.uri, byteOffset: at },
      expected: `bytes from ${at}`,
      found: `bytes from ${response.start}`,
      hint: 'download the file and load it from disk',
    });
  }

  #changed(expected: string, found: string): BackhaulError {
    return new BackhaulError({
      kind: 'source-changed',
      message: 'the object changed since it was listed',
      where: { uri: this.uri },
      expected,
      found,
      hint: 'run the same command again: it lists anew',
    });
  }

  #short({ at, end }: Progress): TransferError {
    const fault = {
      kind: 'truncated' as const,
      message: `${this.#fetcher.server} sent fewer bytes than it listed`,
      where: { uri: this.uri, byteOffset: at },
      expected: `bytes up to ${end}`,
      found: `bytes up to ${at}`,
    };
    return new TransferError(fault, 'yes');
  }
}
