/** Files whose records are in no usable order, put into it in memory. */

import { BarColumns } from '../../bars/columns.ts';
import { sortBars } from '../../scan/sort.ts';
import type { AttemptParts } from './attempt_parts.ts';
import type { BatchConsumer } from './batches.ts';
import { scanFile } from './file_bytes.ts';
import type { FileScan } from './file_scan.ts';
import { RestartBy } from './load_path.ts';

/** Collects the whole file, sorts it, and hands it on in batches; a file too large for that is sorted by the database. */
export async function sortFile(parts: AttemptParts, file: FileScan, take: BatchConsumer): Promise<void> {
  const { settings } = parts.task;
  let all = new BarColumns(Math.min(settings.batchRows, settings.sortRows), false);
  const collect: BatchConsumer = async (cols, rows) => {
    if (all.length + rows > all.capacity) {
      if (all.length + rows > settings.sortRows) throw new RestartBy({ order: 'stage', merges: true });
      const larger = new BarColumns(
        Math.min(settings.sortRows, Math.max(2 * all.capacity, all.length + rows)),
        false,
      );
      larger.append(all, 0, all.length);
      all = larger;
    }
    all.append(cols, 0, rows);
  };
  await scanFile(parts, file, collect);
  const of = file.trades === null ? 'bars' : 'trades';
  file.foldedInSort(sortBars(all, file.symbols.names, of));
  const cols = parts.memory.columns[0]!;
  for (let at = 0; at < all.length; at += cols.capacity) {
    cols.length = 0;
    cols.append(all, at, Math.min(all.length, at + cols.capacity));
    await take(cols, cols.length);
  }
}
