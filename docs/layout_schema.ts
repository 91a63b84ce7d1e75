import { writeFileSync } from 'node:fs';
import { layoutJsonSchema } from '../src/producer/layouts/json_schema.ts';

/** Writes the JSON schema of layout files, for editors: `npm run schema`. */
writeFileSync(
  new URL('layout.schema.json', import.meta.url),
  `${JSON.stringify(layoutJsonSchema(), null, 2)}\n`,
);
