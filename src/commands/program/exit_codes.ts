/** Exit codes: documented, and the only ones there are. */

import type { FaultKind } from '../../faults/fault.ts';
import type { LoadSummary } from '../../load/load_events.ts';

export const EXIT = {
  /** All was done. */
  fine: 0,
  /** The command failed. */
  failed: 1,
  /** The command could not be meant: a flag, a value, a path. */
  usage: 2,
  /** A load finished, with rejects or failed files. */
  incomplete: 3,
  interrupted: 130,
} as const;

/** What each says, for the manual. */
export const EXIT_MEANINGS: Readonly<Record<(typeof EXIT)[keyof typeof EXIT], string>> = {
  [EXIT.fine]: 'All was done, or there was nothing to do.',
  [EXIT.failed]: 'The command failed: no database, a server gone for good.',
  [EXIT.usage]: 'A flag, a value or a path cannot be meant: one line on stderr says which.',
  [EXIT.incomplete]:
    'Finished, with rejects or failed files; gaps fill: something asked for is still missing; validate: findings; doctor: failures.',
  [EXIT.interrupted]: 'Interrupted; or nobody reads the JSON lines of a load any more.',
};

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The code of a command that ended in a fault. */
export function exitCodeOfFault(kind: FaultKind): ExitCode {
  if (kind === 'usage') return EXIT.usage;
  return kind === 'interrupted' ? EXIT.interrupted : EXIT.failed;
}

/** The code of a load that came to its end. */
export function exitCodeOfLoad(summary: LoadSummary): ExitCode {
  if (summary.interrupted) return EXIT.interrupted;
  return summary.tasks.failed > 0 || summary.rows.rejected > 0 ? EXIT.incomplete : EXIT.fine;
}
