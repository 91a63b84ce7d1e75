import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `tests/swift/setup.sh` leaves for the tests. */
export interface SwiftService {
  readonly endpointUrl: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Has an account and no rights. */
  readonly stranger: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export const WITHOUT_SWIFT = 'OpenStack Swift is not running: tests/swift/setup.sh starts it';

/** Stands where skipped tests are merely declared. */
export const NO_SWIFT: SwiftService = {
  endpointUrl: 'http://127.0.0.1:1',
  region: 'us-east-1',
  accessKeyId: '',
  secretAccessKey: '',
  stranger: { accessKeyId: '', secretAccessKey: '' },
};

/** The running service, or null. */
export async function swiftService(): Promise<SwiftService | null> {
  const folder = process.env['BACKHAUL_SWIFT_DIR'] ?? '/var/tmp/backhaul-swift';
  try {
    const service = JSON.parse(readFileSync(join(folder, 'env.json'), 'utf8')) as SwiftService;
    const answer = await fetch(`${service.endpointUrl}/healthcheck`, { signal: AbortSignal.timeout(5_000) });
    return answer.ok ? service : null;
  } catch {
    return null;
  }
}
