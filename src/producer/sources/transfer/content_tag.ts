/**
 * What tells one content of a remote object from another: the form that `SourceObject.etag` has for S3 and https.
 *
 * A strong ETag stands without its quotes, a weak one as `W/…`. Without an ETag it is `modified-<s>-<size>` from
 * Last-Modified in whole seconds (listings tell milliseconds, headers do not), without that `size-<size>`.
 */

/** `etag` and `modifiedMs` as the server tells them. */
export function contentTag(etag: string | undefined, modifiedMs: number | null, sizeBytes: number): string {
  const text = etag?.trim() ?? '';
  if (text !== '') return text.replace(/^(W\/)?"(.*)"$/, '$1$2');
  if (modifiedMs === null || Number.isNaN(modifiedMs)) return `size-${sizeBytes}`;
  return `modified-${Math.floor(modifiedMs / 1000)}-${sizeBytes}`;
}

/** The value of If-Match that only this content fulfils; null where the tag is no strong ETag (RFC 9110, 13.1.1). */
export function ifMatch(tag: string): string | null {
  return /^(W\/|modified-\d+-\d+$|size-\d+$)/.test(tag) ? null : `"${tag}"`;
}
