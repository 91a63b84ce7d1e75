/**
 * A role that can only read, for `backhaul query`. Roles belong to the whole server, so it may be there already (of
 * another database, or made at this moment by another migration), or we may have no right to make one: then `query`
 * runs as ourselves in a read-only transaction, which is the fence that counts.
 */
export const sql = `
DO $$
BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backhaul_reader') THEN
      CREATE ROLE backhaul_reader NOLOGIN;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
    NULL;
  END;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backhaul_reader') THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA backhaul TO backhaul_reader;
  GRANT SELECT ON ALL TABLES IN SCHEMA backhaul TO backhaul_reader;
  ALTER DEFAULT PRIVILEGES IN SCHEMA backhaul GRANT SELECT ON TABLES TO backhaul_reader;
  BEGIN
    EXECUTE format('GRANT backhaul_reader TO %I', current_user);
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
END $$;
`;
