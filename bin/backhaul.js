#!/usr/bin/env node
// Starts the command line: its sources in a checkout, else what `npm run build` made of them. Plain JavaScript that an
// old Node can read: on one that cannot run Backhaul, the Node installed beside it (npm package `node`) takes over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LEAST = [22, 18];

const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));

if (isNewEnough(process.versions.node)) {
  // Keeps what was compiled, types stripped, for the next start: a third of the time.
  nodeModule.enableCompileCache?.();
  const inCheckout = existsSync(join(root, 'src', 'cli.ts'));
  await import(inCheckout ? '../src/cli.ts' : '../dist/cli.js');
} else {
  const node = nodeBeside();
  if (node === null || process.env.BACKHAUL_LAUNCHED === '1') {
    process.stderr.write(
      `backhaul needs Node.js ${LEAST.join('.')} or newer, this is ${process.versions.node}: ` +
        'run npm install in its folder (it brings one), or install a newer one from nodejs.org\n',
    );
    process.exitCode = 1;
  } else {
    runWith(node);
  }
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]);
}

/** The binary of the npm package `node`: of this checkout, or wherever npm has put it. */
function nodeBeside() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const folders = [join(root, 'node_modules', 'node')];
  try {
    folders.push(dirname(nodeModule.createRequire(here).resolve('node/package.json')));
  } catch {
    // It is not installed.
  }
  return folders.map((folder) => join(folder, 'bin', name)).find((file) => existsSync(file)) ?? null;
}

/** Runs this file with another Node in our place: same arguments, same streams, same end. */
function runWith(node) {
  const child = spawn(node, [here, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, BACKHAUL_LAUNCHED: '1' },
  });
  // Ctrl-C at a terminal reaches the child by itself as well; it takes signals that close together for one.
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const passOn = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, passOn);
  child.on('error', (error) => {
    process.stderr.write(`backhaul cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, passOn);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}
