/** The role that can only read. On the embedded server it is a login of its own: what it may not do, it cannot get at. */

import { createHmac } from 'node:crypto';
import type { Client } from 'pg';
import { BackhaulError } from '../faults/fault.ts';
import { connect, type SessionOptions } from './connect.ts';

export const READER = 'backhaul_reader';

/** Codes of a login that is refused: no such role, no right to log in, another password. */
const REFUSED = new Set(['28000', '28P01']);

/** The owner's URL with the reader in the owner's place. Its password follows from the owner's, and not the other way. */
function readerUrl(url: string): string {
  const reader = new URL(url);
  reader.password = createHmac('sha256', reader.password).update(READER).digest('hex').slice(0, 32);
  reader.username = READER;
  return reader.href;
}

/** Logs in as the reader of the embedded server; `url` is the owner's. Makes the login where there is none yet. */
export async function connectAsReader(
  url: string,
  options: SessionOptions,
): Promise<{ readonly client: Client; readonly url: string }> {
  const reader = readerUrl(url);
  try {
    return { client: await connect(reader, options), url: reader };
  } catch (error) {
    if (!(error instanceof BackhaulError) || !REFUSED.has(error.fault.code ?? '')) throw error;
  }
  const owner = await connect(url, { applicationName: 'backhaul reader' });
  try {
    await makeLogin(owner, decodeURIComponent(new URL(reader).password));
  } finally {
    await owner.end();
  }
  return { client: await connect(reader, options), url: reader };
}

/**
 * Beside reading, everybody may take advisory locks and make temporary tables: not so on our own server, where the
 * loader's own locks are advisory ones.
 */
async function makeLogin(owner: Client, password: string): Promise<void> {
  await owner.query(`
    BEGIN;
    -- Two at once would both change the same rows of the catalogue, which PostgreSQL refuses.
    SELECT pg_advisory_xact_lock(hashtext('${READER}'));
    DO $$
    DECLARE
      routine regprocedure;
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${READER}') THEN
        CREATE ROLE ${READER};
      END IF;
      FOR routine IN SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^pg_(try_)?advisory_' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
      END LOOP;
      EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END $$;
    ALTER ROLE ${READER} LOGIN PASSWORD ${owner.escapeLiteral(password)};
    COMMIT`);
}
