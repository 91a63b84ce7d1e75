/** A fault as one to four lines. */

import { count } from '../base/quantities.ts';
import type { Fault, FaultPlace } from '../faults/fault.ts';
import { PLAIN, type Style } from './style.ts';
import { cutEnd, sanitise } from './text.ts';

/**
 * What happened; where; what was expected and found; what helps. Everything that may come from data is made safe.
 * The lines have no indentation and no line break.
 */
export function faultLines(fault: Fault, style: Style = PLAIN): string[] {
  const lines = [sanitise(fault.message)];
  const place = fault.where === undefined ? '' : placeText(fault.where);
  if (place !== '') lines.push(`at ${place}`);
  const expected = fault.expected === undefined ? [] : [`expected ${cutEnd(sanitise(fault.expected), 200)}`];
  const found = fault.found === undefined ? [] : [`found ${cutEnd(sanitise(fault.found), 200)}`];
  if (expected.length + found.length > 0) lines.push([...expected, ...found].join(', '));
  if (fault.hint !== undefined) lines.push(style.cyan(`hint: ${sanitise(fault.hint)}`));
  return lines;
}

/** The same in one line, for lists and logs. */
export function faultLine(fault: Fault): string {
  return faultLines(fault).join('; ');
}

/** `uri › entry, line 12, byte 345, field close`. */
export function placeText(place: FaultPlace): string {
  const parts: string[] = [];
  if (place.uri !== undefined) parts.push(fileText(place.uri, place.entry ?? null));
  else if (place.entry !== undefined) parts.push(sanitise(place.entry));
  if (place.line !== undefined) parts.push(`line ${count(place.line)}`);
  if (place.byteOffset !== undefined) parts.push(`byte ${count(place.byteOffset)}`);
  if (place.field !== undefined && place.field !== '') parts.push(`field ${sanitise(place.field)}`);
  return parts.join(', ');
}

/** `folder/file.zip › entry.csv`; a local file without its `file://`. */
export function fileText(uri: string, entry: string | null): string {
  const file = sanitise(localPath(uri));
  return entry === null || entry === '' ? file : `${file} › ${sanitise(entry)}`;
}

function localPath(uri: string): string {
  if (!uri.startsWith('file://')) return uri;
  const path = uri.slice('file://'.length);
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // A stray %: shown as it stands.
  }
}
