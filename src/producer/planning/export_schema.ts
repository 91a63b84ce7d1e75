/** What an export of ours may say of its files. Apart from those who ask, since zod takes a fifth of a command's start. */

import { z } from 'zod';
import { CALENDAR_NAMES, WEEKDAYS } from '../../base/calendar_rule.ts';
import { zoneNamed } from '../layouts/period.ts';

const zone = z.string().refine((name) => {
  try {
    zoneNamed(name);
    return true;
  } catch {
    return false;
  }
});

const calendar = z.union([
  z.enum(CALENDAR_NAMES),
  z.strictObject({
    zone,
    week: z.partialRecord(z.enum(WEEKDAYS), z.array(z.string())),
    holidays: z.array(z.string()),
  }),
]);

const group = z.object({
  venue: z.string(),
  interval_s: z.int().positive(),
  session_zone: zone,
  grid: z.enum(['none', 'epoch', 'week', 'month', 'zone-day']),
  prices: z.literal('any').optional(),
  calendar: calendar.optional(),
});

export const groups = z.array(group);
export const extra = z.record(z.string(), z.enum(['float8', 'int8', 'numeric', 'text']));

export const manifest = z.object({
  by: z.array(z.string()),
  extra,
  files: z.array(
    z.object({
      path: z.string(),
      rows: z.int(),
      sha256: z.string(),
      first_ts: z.string(),
      last_ts: z.string(),
      groups,
    }),
  ),
});

export type Manifest = z.output<typeof manifest>;

/** Columns that layouts had added, and their types. */
export type ExtraTypes = z.output<typeof extra>;
