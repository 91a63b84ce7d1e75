/** `backhaul doctor`: what a load needs, and what mends it where something is missing. */

import { availableParallelism, totalmem } from 'node:os';
import type { Client } from 'pg';
import type { Argv } from 'yargs';
import { type Check, checksOf } from '../doctor/check.ts';
import type { Planned } from '../doctor/disk.ts';
import type { PlannedFile, SourceFindings } from '../doctor/sources.ts';
import { faultOf } from '../faults/classify.ts';
import { checkEvent, checkLines, countsOf, verdictLine } from '../ui/doctor_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { type FoundDatabase, findDatabase } from './options/database_option.ts';
import { LOAD_SETTINGS, loadOptions } from './options/load_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  onOff,
  type Resolved,
  readFlags,
} from './options/settings.ts';
import { EXIT } from './program/exit_codes.ts';
import { print, stdoutStyle } from './program/screen.ts';

const {
  layout,
  from,
  to,
  symbols,
  intervals,
  database,
  workers,
  json,
  profile,
  region,
  'endpoint-url': endpointUrl,
  'request-payer': requestPayer,
  'no-sign-request': noSignRequest,
  'path-style': pathStyle,
  'allow-private': allowPrivate,
} = LOAD_SETTINGS;

/** Those of `load` that say what would be loaded, and where to. */
const DOCTOR_SETTINGS = {
  layout,
  from,
  to,
  symbols,
  intervals,
  database,
  workers,
  json,
  profile,
  'endpoint-url': endpointUrl,
  region,
  'request-payer': requestPayer,
  'no-sign-request': noSignRequest,
  'path-style': pathStyle,
  'allow-private': allowPrivate,
  fix: onOff({
    group: 'How:',
    describe:
      'Mend what can be mended from here: settings of your own role, tables, keys, markets under two names',
  }),
};

type DoctorFlags = Resolved<typeof DOCTOR_SETTINGS>;

export const command: Command = {
  settings: [DOCTOR_SETTINGS],
  command: 'doctor [source..]',
  describe: 'Check what a load needs, and name what mends it',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, DOCTOR_SETTINGS)
      .positional('source', { describe: 'What is to be loaded: it is listed, and the room for it reckoned' })
      .example('$0 doctor', 'this machine and the database')
      .example(
        '$0 doctor ./flatfiles --database postgres://me@host/market',
        'and whether these files can be loaded there',
      )
      .example('$0 doctor --fix', 'and mend what it can')
      .epilogue('Exit code: 0 a load would work, though maybe slowly (warnings), 3 it would not (failures).'),
  handler: async (argv) => {
    const { flags } = readFlags(DOCTOR_SETTINGS, ['source'], argv);
    const sources = ((argv['source'] ?? []) as readonly string[]).map(String);
    const all: Check[] = [];
    const show = (group: Check['group'], checks: readonly Check[]): void => {
      all.push(...checks);
      if (flags.json) for (const check of checks) print(checkEvent(check));
      else print(checkLines(group, checks, stdoutStyle()));
    };
    const wanted =
      flags.workers === undefined || flags.workers === 'auto' ? availableParallelism() : flags.workers;
    show('machine', await machineChecks(wanted));
    const found = await reach(flags.database);
    try {
      const url = found.database?.url ?? null;
      const findings = await Promise.all(
        sources.map((source) => look(source, flags, found.answers ? url : null)),
      );
      await showDatabase(found, wanted, await plannedOf(findings), flags.fix ?? false, show);
      show('sources', await sourceChecks(findings, flags));
    } finally {
      await found.database?.release();
    }
    const counts = countsOf(all);
    if (flags.json) print(eventLine({ type: 'doctor', ...counts }));
    else print(verdictLine(all, stdoutStyle()));
    process.exitCode = counts.failure > 0 ? EXIT.incomplete : EXIT.fine;
  },
};

async function machineChecks(workerCount: number): Promise<Check[]> {
  const { checkNode } = await import('../doctor/node_version.ts');
  const { checkMemory } = await import('../doctor/memory.ts');
  const { checkOpenFiles, openFilesLimit } = await import('../doctor/file_limits.ts');
  return [
    checkNode(process.versions.node),
    checkMemory({ totalBytes: totalmem(), limitBytes: memoryLimit(), workers: workerCount }),
    checkOpenFiles(openFilesLimit(), workerCount),
  ];
}

/** Of our control group; null where there is none. */
function memoryLimit(): number | null {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : null;
}

/** The database a load would use. */
interface Reached {
  readonly database: FoundDatabase | null;
  readonly answers: boolean;
  readonly check: Check;
}

async function reach(named: string | undefined): Promise<Reached> {
  const { ok, failure } = checksOf('database');
  let found: FoundDatabase | null = null;
  try {
    found = await findDatabase(named);
    if (found === null) {
      const message = 'none here yet: a load makes an embedded PostgreSQL under ./.backhaul';
      return { database: null, answers: false, check: ok('connection', message) };
    }
    const { connect } = await import('../database/connect.ts');
    const started = performance.now();
    const client = await connect(found.url, { applicationName: 'backhaul doctor' });
    const ms = performance.now() - started;
    await client.end();
    const what = found.embedded ? 'the embedded PostgreSQL answers' : 'the server answers';
    return {
      database: found,
      answers: true,
      check: ok('connection', `${what}, a session takes ${ms.toFixed(0)} ms`),
    };
  } catch (error) {
    const fault = faultOf(error);
    const check = failure(
      'connection',
      '',
      fault.hint ??
        // A pooler that keeps no sessions is there, and its message says what to set.
        (fault.code === '0A000'
          ? 'npx backhaul doctor once that is done'
          : 'check --database, and that the server runs'),
      fault,
    );
    return { database: found, answers: false, check };
  }
}

async function look(source: string, flags: DoctorFlags, url: string | null): Promise<SourceFindings> {
  const { runLoad } = await import('../load/load.ts');
  const files: PlannedFile[] = [];
  try {
    const { fix: _, ...given } = flags;
    const options = {
      ...loadOptions([source], given as Parameters<typeof loadOptions>[1], url),
      dryRun: true,
    };
    const never = new AbortController().signal;
    const summary = await runLoad(
      options,
      (event) => {
        if (event.type === 'plan') files.push(event);
      },
      { drain: never, abort: never },
    );
    const { readFirstBytes } = await import('../doctor/first_bytes.ts');
    const refused = await readFirstBytes(files, options.sourceOptions);
    return { source, files, failures: summary.failures, failed: summary.tasks.failed, refused, fault: null };
  } catch (error) {
    return { source, files: [], failures: [], failed: 0, refused: [], fault: faultOf(error) };
  }
}

async function plannedOf(findings: readonly SourceFindings[]): Promise<Planned | null> {
  const { plannedOf: sumOf } = await import('../doctor/sources.ts');
  const readable = findings.filter((one) => one.fault === null);
  return readable.length === 0 ? null : sumOf(readable.flatMap((one) => one.files));
}

async function showDatabase(
  { database: found, answers, check }: Reached,
  workerCount: number,
  planned: Planned | null,
  fix: boolean,
  show: (group: Check['group'], checks: readonly Check[]) => void,
): Promise<void> {
  const { checkDisk, dataPlace, freeBytesAt } = await import('../doctor/disk.ts');
  if (found === null || !answers) {
    // The embedded one that a load would make stands here.
    const disk =
      check.state === 'ok'
        ? [checkDisk(planned, await freeBytesAt(process.cwd()), process.cwd(), NEW_SERVER_LOG)]
        : [];
    return show('database', [check, ...disk]);
  }
  const { connect } = await import('../database/connect.ts');
  const { checkRights, checkSessions, checkVersion, readServer } = await import('../doctor/server_checks.ts');
  const { checkSettings, readSettings } = await import('../doctor/server_settings.ts');
  const { checkDatabaseClock } = await import('../doctor/clock.ts');
  const client = await connect(found.url, { applicationName: 'backhaul doctor' });
  try {
    const server = await readServer(client);
    const settings = await readSettings(client);
    const place = await dataPlace(client);
    const freeBytes = place === null ? null : await freeBytesAt(place);
    const walBytes = Number(settings.get('max_wal_size')?.value ?? NEW_SERVER_LOG);
    const before = Date.now();
    const { rows } = await client.query<{ ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
    );
    const serverChecks = [
      ...checkVersion(server),
      ...checkRights(server),
      ...checkSessions(server, workerCount),
    ];
    const mine = fix ? await mended(serverChecks, client) : serverChecks;
    const tables = await tableChecks(found.url, client, fix);
    const { checkExtensions } = await import('../doctor/extensions.ts');
    show('database', [
      check,
      ...mine,
      checkDisk(planned, freeBytes, place, walBytes),
      checkDatabaseClock((before + Date.now()) / 2 - rows[0]!.ms),
      ...tables,
      ...(await checkExtensions(client)),
      ...(await marketChecks(found.url, client, fix && tables.every(({ state }) => state !== 'failure'))),
    ]);
    const memoryBytes = place === null ? null : (memoryLimit() ?? totalmem());
    show('settings', checkSettings(settings, { memoryBytes, freeBytes }));
  } finally {
    await client.end();
  }
}

/** What mends itself with the rights at hand is done, and said; what the server refuses stays as it was found. */
async function mended(checks: readonly Check[], client: Client): Promise<Check[]> {
  const { ok } = checksOf('database');
  const done: Check[] = [];
  for (const check of checks) {
    const { name, mend, message } = check;
    if (mend === undefined) {
      done.push(check);
      continue;
    }
    try {
      // This session still has what is being mended, and must not be cut off or kept from writing by it.
      await client.query('SET default_transaction_read_only = off');
      await client.query(mend);
      done.push(ok(name, `was so: ${message}; mended: ${mend}`));
    } catch (error) {
      done.push({ ...check, fault: faultOf(error) });
    }
  }
  return done;
}

/** The version of the tables and the keys of partitions: told of, or brought up to date and built. */
async function tableChecks(url: string, client: Client, fix: boolean): Promise<Check[]> {
  const { checkTables, mendedTables } = await import('../doctor/tables.ts');
  const { installedVersion, isHypertable, migrate, SCHEMA_VERSION } = await import(
    '../state/schema/migrate.ts'
  );
  const { readTableFacts } = await import('../state/schema/table_facts.ts');
  const facts = await readTableFacts(client);
  if (facts === null) return [];
  const checks = checkTables(facts, SCHEMA_VERSION);
  if (!fix || checks.every(({ state }) => state === 'ok') || facts.version > SCHEMA_VERSION) return checks;
  const { createPool } = await import('../database/connect.ts');
  const { Partitions } = await import('../state/leaves/partitions.ts');
  const db = createPool(url, { applicationName: 'backhaul doctor', max: 2 });
  try {
    const { from, to } = await migrate(db);
    const built =
      facts.running > 0 ? [] : await new Partitions(db, await isHypertable(db)).promoteAll(1, () => {}, true);
    const after = checkTables({ ...facts, version: await installedVersion(db), bare: 0 }, SCHEMA_VERSION);
    const done = mendedTables(from, to, built.length);
    return [...after.filter(({ name }) => !done.some((one) => one.name === name)), ...done];
  } finally {
    await db.end();
  }
}

/** Markets that stand under two names: told of, or made one. */
async function marketChecks(url: string, client: Client, fix: boolean): Promise<Check[]> {
  const { rows } = await client.query<{ there: boolean }>(
    // Tables that this login may not read are told of by the checks of its rights.
    `SELECT count(*) = 3 AS there FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'backhaul' AND c.relname IN ('series', 'task', 'coverage')
       AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`,
  );
  if (!rows[0]!.there) return [];
  const { checkMarkets, mendedCheck } = await import('../doctor/markets.ts');
  const { mendMarket, splitMarkets } = await import('../series/market_of_two_series.ts');
  const { renamedMarkets } = await import('../series/renamed_market.ts');
  const split = [...(await splitMarkets(client)), ...(await renamedMarkets(client))];
  if (!fix || split.length === 0) return checkMarkets(split);
  const { createPool } = await import('../database/connect.ts');
  const { migrate } = await import('../state/schema/migrate.ts');
  const db = createPool(url, { applicationName: 'backhaul doctor', max: 2 });
  try {
    await migrate(db);
    const checks: Check[] = [];
    for (const market of split) checks.push(mendedCheck(market, await mendMarket(db, market)));
    return checks;
  } finally {
    await db.end();
  }
}

/** What a server that is yet to be made may write to its log between two checkpoints. */
const NEW_SERVER_LOG = 2 ** 30;

async function sourceChecks(findings: readonly SourceFindings[], flags: DoctorFlags): Promise<Check[]> {
  const { checkSource } = await import('../doctor/sources.ts');
  const checks = findings.flatMap(checkSource);
  if (!findings.some((one) => one.source.toLowerCase().startsWith('s3://'))) return checks;
  const { checkS3Clock, s3AheadMs } = await import('../doctor/clock.ts');
  const address =
    flags['endpoint-url'] ??
    process.env['AWS_ENDPOINT_URL_S3'] ??
    process.env['AWS_ENDPOINT_URL'] ??
    `https://s3.${flags.region ?? process.env['AWS_REGION'] ?? 'us-east-1'}.amazonaws.com`;
  return [...checks, checkS3Clock(new URL(address).host, await s3AheadMs(address))];
}
