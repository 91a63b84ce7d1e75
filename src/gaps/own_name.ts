/** What an exchange is asked for goes by the name of today: of a company that was renamed it knows nothing before that. */

import type { Db } from '../database/connect.ts';
import { readFormerNames } from '../series/former_names.ts';
import type { Gap } from './gap_store.ts';

/**
 * The gaps as far as they lie in the time of their series' own name. Asked for what lies before, an exchange answers with
 * the first it has under that name, as if nobody had traded until then.
 */
export async function underOwnName(db: Db, gaps: readonly Gap[]): Promise<readonly Gap[]> {
  const names = await readFormerNames(
    db,
    gaps.map(({ seriesId }) => seriesId),
  );
  if (names.size === 0) return gaps;
  return gaps
    .map((gap) => {
      const former = names.get(gap.seriesId)?.former ?? [];
      return { ...gap, fromUs: Math.max(gap.fromUs, ...former.map(({ toUs }) => toUs)) };
    })
    .filter(({ fromUs, toUs }) => fromUs < toUs);
}
