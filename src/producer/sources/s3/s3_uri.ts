/** `s3://bucket/key`, as the AWS command line has it: what follows the bucket is the key itself, not percent-encoded. */

import { BackhaulError } from '../../../faults/fault.ts';

export interface S3Place {
  readonly bucket: string;
  /** A key or the beginning of keys; empty for the whole bucket. */
  readonly key: string;
}

/** Parses `s3://bucket[/key]`. Fault `usage` when it is none. */
export function parseS3Uri(uri: string): S3Place {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(uri);
  const bucket = match?.[1] ?? '';
  if (match === null || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/.test(bucket)) {
    throw new BackhaulError({
      kind: 'usage',
      message: bucket === '' ? 'an S3 source needs a bucket' : 'that is no name of a bucket',
      expected: 's3://bucket or s3://bucket/prefix',
      found: uri.slice(0, 200),
    });
  }
  return { bucket, key: match[2] ?? '' };
}

export function s3Uri(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}
