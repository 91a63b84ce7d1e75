import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const PAGES = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', ...globSync('docs/*.md')];

it.each(PAGES)('%s names only files that are there', (page) => {
  const text = readFileSync(page, 'utf8');
  const named = text.matchAll(/\b(?:src|tests|bench|wasm|docs|deploy)\/[\w./*{},-]*[\w*}]/g);
  const missing = [...new Set([...named].map(([path]) => path))].filter(
    // What a command writes is not there before.
    (path) => !path.includes('{') && path !== 'bench/out' && globSync(path).length === 0,
  );
  expect(missing).toEqual([]);
});

it.each(PAGES)('%s links only to pages that are there', (page) => {
  const links = readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g);
  const missing = [...links]
    .map(([, path]) => path!)
    .filter((path) => !existsSync(join(dirname(page), path)));
  expect(missing).toEqual([]);
});
