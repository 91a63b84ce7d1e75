import { closeArchive } from '../../producer/open_source.ts';
import { forgetSplits } from './file_splits.ts';
import { forgetIds } from './known_series_ids.ts';
import { forgetLeaves } from './leaves.ts';

/**
 * Parts with what this thread has kept from task to task, all but its memory and its session: the next load may be of
 * other files, into another database.
 */
export async function forgetLoad(): Promise<void> {
  forgetIds();
  forgetLeaves();
  forgetSplits();
  await closeArchive();
}
