/** Checksums that a service publishes for an object, verified while the object streams by. */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BackhaulError } from '../../../faults/fault.ts';
import { Crc64Nvme, crc32c } from './crc.ts';

/** Best first: where a service publishes several, the first is verified. */
export const DIGEST_NAMES = ['sha256', 'sha1', 'crc64nvme', 'crc32c', 'crc32'] as const;
export type DigestName = (typeof DIGEST_NAMES)[number];

/** A published checksum; values are base64 of the digest's bytes, most significant first. */
export interface PublishedChecksum {
  readonly name: DigestName;
  readonly value: string;
  /**
   * For an object uploaded in parts, `value` may be the digest of the parts' digests: then these are the parts, in
   * order, and each is verified by itself. Null: `value` is of the whole object.
   */
  readonly parts: readonly PartChecksum[] | null;
}

export interface PartChecksum {
  readonly sizeBytes: number;
  readonly value: string;
}

interface RunningDigest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

function runningDigest(name: DigestName): RunningDigest {
  if (name === 'sha256' || name === 'sha1') {
    const hash = createHash(name);
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  }
  if (name === 'crc64nvme') return new Crc64Nvme();
  const step = name === 'crc32' ? crc32 : crc32c;
  let crc = 0;
  return {
    update: (bytes) => {
      crc = step(bytes, crc);
    },
    digest: () => {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(crc);
      return digest;
    },
  };
}

/** Takes a whole object's bytes in order and holds them against what is published. */
export class ObjectDigest {
  readonly #uri: string;
  readonly #published: PublishedChecksum;
  #running: RunningDigest;
  #part = 0;
  #partLeft: number;
  #at = 0;

  constructor(uri: string, published: PublishedChecksum) {
    this.#uri = uri;
    this.#published = published;
    this.#running = runningDigest(published.name);
    this.#partLeft = published.parts?.[0]?.sizeBytes ?? Number.POSITIVE_INFINITY;
  }

  /** @throws BackhaulError `checksum` at the end of a part that differs */
  update(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length >= this.#partLeft) {
      this.#take(rest.subarray(0, this.#partLeft));
      rest = rest.subarray(this.#partLeft);
      this.#endPart();
    }
    this.#take(rest);
    this.#partLeft -= rest.length;
  }

  /** @throws BackhaulError `checksum` when the object is not what was published */
  finish(): void {
    const { parts, value } = this.#published;
    if (parts === null) this.#compare(value, 'the object');
  }

  #take(bytes: Uint8Array): void {
    this.#running.update(bytes);
    this.#at += bytes.length;
  }

  #endPart(): void {
    const parts = this.#published.parts ?? [];
    this.#compare(parts[this.#part]!.value, `part ${this.#part + 1} of the upload`);
    this.#part += 1;
    this.#running = runningDigest(this.#published.name);
    this.#partLeft = parts[this.#part]?.sizeBytes ?? Number.POSITIVE_INFINITY;
  }

  #compare(expected: string, what: string): void {
    const found = this.#running.digest().toString('base64');
    if (found === expected) return;
    const { name } = this.#published;
    throw new BackhaulError({
      kind: 'checksum',
      message: `the ${name} of ${what} is not the one its store published`,
      where: { uri: this.#uri, byteOffset: this.#at },
      expected: `${name} ${expected} (base64)`,
      found,
      hint: 'the object is damaged, or was damaged on its way: upload it again, or retry',
    });
  }
}
