/** The seam between the producer and where bytes come from: a folder, a file, S3, https. */

/** One object as a source lists it. */
export interface SourceObject {
  /** `file:///…`, `s3://bucket/key` or `https://…`: where the bytes are. */
  readonly uri: string;
  /** Path inside the source with `/`, what layouts match on; for a single file its base name preceded by up to six parent folders. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Changes when the content does: S3's ETag, `<mtime ns>-<size>` of a local file. */
  readonly etag: string;
  readonly modifiedMs: number | null;
}

/** Narrows a listing before a byte of a body is read. µs, `[from, to)`. */
export interface ListFilter {
  readonly fromUs: number;
  readonly toUs: number;
  /** As the user wrote them; null for all. */
  readonly symbols: readonly string[] | null;
}

/** Random access to the bytes of one object. Reads fail with a `Fault` when the object has changed since it was listed. */
export interface ObjectReader {
  readonly uri: string;
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `start`; `truncated` when the object ends before. */
  read(start: number, length: number, signal?: AbortSignal): Promise<Buffer>;
  /**
   * The bytes `[start, end)` in pieces of any size; resumes by itself after a broken connection. A piece holds until the
   * next but one is asked for.
   */
  stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A place that holds objects. */
export interface Source {
  /** As the user gave it, made canonical. */
  readonly uri: string;
  /** `onUnread` is told the kind of each file that it holds and does not list. */
  list(
    filter: ListFilter,
    signal?: AbortSignal,
    onUnread?: (kind: string) => void,
  ): AsyncIterable<SourceObject>;
  open(object: {
    readonly uri: string;
    readonly sizeBytes: number;
    readonly etag: string;
  }): Promise<ObjectReader>;
  /** An object near those that are listed, as it is now; null where there is none. Absent: nothing is near. */
  openNamed?(uri: string, signal?: AbortSignal): Promise<ObjectReader | null>;
}

/** Settings for reaching sources; plain data, so that it crosses threads. Credentials come from the SDK's own chain. */
export interface SourceOptions {
  readonly profile?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly requestPayer?: boolean;
  readonly signRequest?: boolean;
  readonly pathStyle?: boolean;
  readonly allowPrivateAddresses?: boolean;
}
