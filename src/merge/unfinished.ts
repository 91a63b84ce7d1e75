/**
 * The last bar of a download may still have been traded when the file was cut. Where the file's end is published, the
 * file vouches for no bar that closes behind it; where it is not, its last bar counts as open: another file that tells
 * the same bar with more in it (the same open, no narrower range, no less volume, no fewer trades) completes it. As
 * nothing can be more and less at once, what stands at the end does not depend on which file came first.
 */

/**
 * SQL that is true where bar `more` may be bar `less` at a later time, and has more of something. Without volumes and
 * trades that is a wider range: of two bars that differ in their closes alone, nobody knows which is the later.
 */
export function completes(more: string, less: string): string {
  const both = (name: string, sign: string): string =>
    `coalesce(${more}.${name}, 0) ${sign} coalesce(${less}.${name}, 0)`;
  return `(${more}.open = ${less}.open AND ${more}.high >= ${less}.high AND ${more}.low <= ${less}.low
    AND ${both('volume', '>=')} AND ${both('trades', '>=')}
    AND (${more}.high > ${less}.high OR ${more}.low < ${less}.low
      OR ${both('volume', '>')} OR ${both('trades', '>')}))`;
}
