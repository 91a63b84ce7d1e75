/**
 * Compiles the AssemblyScript beside this file into modules of `src`, as text:  npm run wasm
 * What comes out is committed, so that neither an install nor a build needs the compiler; a test holds it against
 * what this makes of the sources.
 */
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FOLDER = dirname(fileURLToPath(import.meta.url));

/** Source (in this folder) → module (from the project's root). */
export const MODULES: Readonly<Record<string, string>> = {
  'bunzip2.ts': 'src/producer/archive/bunzip2_module.ts',
  'copied.ts': 'src/copy/copied_module.ts',
  'inflate.ts': 'src/producer/archive/inflate_module.ts',
  'pages.ts': 'src/producer/archive/table/pages_module.ts',
  'planes.ts': 'src/export/planes_module.ts',
  'rows.ts': 'src/bars/rows_module.ts',
};

const FLAGS = [
  '-O3',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--enable',
  'simd',
  '--enable',
  'bulk-memory',
];

/** The text of the module that holds the compiled `source`. Throws with the compiler's words. */
export async function compile(source: string): Promise<string> {
  let wasm: Uint8Array | null = null;
  const { error, stderr } = await asc.main([source, '--baseDir', FOLDER, '--outFile', 'out.wasm', ...FLAGS], {
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (typeof contents !== 'string') wasm = contents;
    },
  });
  if (error !== null || wasm === null) throw new Error(`${source}: ${stderr.toString()}`);
  const text = Buffer.from(wasm).toString('base64');
  return `/** \`wasm/${source}\`, compiled: base64 of a WebAssembly module. Made by \`npm run wasm\`. */\nexport const WASM =\n  '${text}';\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [source, module] of Object.entries(MODULES))
    writeFileSync(`${FOLDER}/../${module}`, await compile(source));
}
