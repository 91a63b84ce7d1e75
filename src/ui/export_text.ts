/** An export in words. */

import { bytes, count, counted, duration } from '../base/quantities.ts';
import type { ExportProgress, ExportSummary } from '../export/export.ts';
import { sanitise } from './text.ts';

/** `12 of 60 files · 3,400,000 rows · 1,100,000 rows/s`. */
export function exportLine({ files, filesDone, rows, seconds }: ExportProgress): string {
  const rate = seconds > 0 ? ` · ${count(Math.round(rows / seconds))} rows/s` : '';
  return `${count(filesDone)} of ${counted(files, 'file')} · ${counted(rows, 'row')}${rate}`;
}

export function exportLines(summary: ExportSummary): string[] {
  const { series, files, filesKept, rows, seconds, interrupted } = summary;
  const folder = sanitise(summary.folder);
  if (interrupted)
    return [
      `Interrupted: ${counted(files, 'file')} of ${folder} with ${counted(rows, 'row')} are whole. The same command goes on.`,
    ];
  if (files === 0) return ['Nothing to export: no bar is in the range asked for.'];
  const kept = filesKept === 0 ? '' : ` (${count(filesKept)} were whole already)`;
  const rate = seconds > 0 && filesKept === 0 ? `, ${count(Math.round(rows / seconds))} rows/s` : '';
  return [
    `Exported ${counted(rows, 'row')} of ${counted(series, 'series', 'series')} in ${duration(seconds)}${rate}: ` +
      `${counted(files, 'file')}${kept}, ${bytes(summary.bytes)}, in ${folder}`,
  ];
}
