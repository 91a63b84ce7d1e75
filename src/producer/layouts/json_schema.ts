import { z } from 'zod';
import { layoutSchema } from './schema.ts';

/** The JSON schema (draft 2020-12) of what an author writes into a layout file; what only code can check it leaves out. */
export function layoutJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(layoutSchema, { io: 'input', unrepresentable: 'any' });
  return { title: 'A layout of Backhaul', ...schema };
}
