import { createRequire } from 'node:module';

/** As package.json has it. */
export function version(): string {
  const manifest = createRequire(import.meta.url)('../../../package.json') as { readonly version: string };
  return manifest.version;
}
