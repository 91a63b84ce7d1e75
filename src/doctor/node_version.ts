import { type Check, checksOf } from './check.ts';

const LEAST = [22, 18] as const;

/** The Node that runs this: older ones cannot read the sources. */
export function checkNode(version: string): Check {
  const { ok, failure } = checksOf('machine');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const least = LEAST.join('.');
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]))
    return ok('Node.js', `${version}; ${least} or newer is needed`);
  return failure(
    'Node.js',
    `${version}: too old, ${least} or newer is needed`,
    'npm install   (brings one with it)',
  );
}
