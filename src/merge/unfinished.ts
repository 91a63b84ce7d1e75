/**
 * The last bar of a download may still have been traded when the file was cut. Where the file's end is published, the
 * file vouches for no bar that closes behind it; where it is not, its last bar counts as open: another file that tells
 * the same bar with more in it (the same open, no narrower range, no less volume, no fewer trades) completes it. As
 * nothing can be more and less at once, what stands at the end does not depend on which file came first.
 */

const PART = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;

/** SQL that is true where bar `more` may be bar `less` at a later time, and is not the same. */
export function completes(more: string, less: string): string {
  const fewer = (name: string): string => `coalesce(${more}.${name}, 0) >= coalesce(${less}.${name}, 0)`;
  const differs = PART.map((name) => `${more}.${name} IS DISTINCT FROM ${less}.${name}`).join(' OR ');
  return `(${more}.open = ${less}.open AND ${more}.high >= ${less}.high AND ${more}.low <= ${less}.low
    AND ${fewer('volume')} AND ${fewer('trades')} AND (${differs}))`;
}
