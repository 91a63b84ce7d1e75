/** The statements that make a leaf of `bars`, give it its key and its place. Texts alone; each is to be sent by itself. */

import { ONE_BY_ONE } from '../schema/distributed.ts';

/** A leaf's name, and its bounds as literals. */
export interface LeafBounds {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Bounds `[fromUs, toUs)`, µs since 1970, as literals. */
export function boundsOf(fromUs: number, toUs: number): Pick<LeafBounds, 'from' | 'to'> {
  const literal = (us: number): string => `'${new Date(us / 1000).toISOString()}'`;
  return { from: literal(fromUs), to: literal(toUs) };
}

/**
 * A new leaf: bare, or standing, with its key, from the first. On a cluster it is distributed as `bars` is, while it is
 * no partition yet. A bare leaf inherits from `bars_bare`; Citus distributes no table that inherits, there `bars_bare` is
 * partitioned as `bars` is, without a key.
 */
export function leafStatements(
  bounds: LeafBounds,
  isStanding: boolean,
  isDistributed: boolean,
): readonly string[] {
  const { name, from, to } = bounds;
  const made = `CREATE TABLE backhaul.${name} (LIKE backhaul.bars INCLUDING DEFAULTS INCLUDING STORAGE,
    CONSTRAINT ${name}_range CHECK (ts >= ${from} AND ts < ${to})) WITH (autovacuum_enabled = false)`;
  const spread = isDistributed
    ? [
        ONE_BY_ONE,
        made,
        `SELECT create_distributed_table('backhaul.${name}', 'series_id', colocate_with => 'backhaul.bars')`,
      ]
    : [made];
  if (isStanding) return [...spread, ...attachStatements(bounds)];
  return [
    ...spread,
    isDistributed
      ? `ALTER TABLE backhaul.bars_bare ATTACH PARTITION backhaul.${name} FOR VALUES FROM (${from}) TO (${to})`
      : `ALTER TABLE backhaul.${name} INHERIT backhaul.bars_bare`,
  ];
}

/** Its key. Citus takes it of a table that is no partition. */
export function keyStatements({ name }: LeafBounds, isDistributed: boolean): readonly string[] {
  const key = `ALTER TABLE backhaul.${name} ADD PRIMARY KEY (series_id, ts)`;
  return isDistributed ? [ONE_BY_ONE, ...detached(name, true), key] : [key];
}

/** From `bars_bare` to `bars`. */
export function standingStatements(bounds: LeafBounds, isDistributed: boolean): readonly string[] {
  return [...(isDistributed ? [] : detached(bounds.name, false)), ...attachStatements(bounds)];
}

function detached(name: string, isDistributed: boolean): readonly string[] {
  return [
    isDistributed
      ? `ALTER TABLE backhaul.bars_bare DETACH PARTITION backhaul.${name}`
      : `ALTER TABLE backhaul.${name} NO INHERIT backhaul.bars_bare`,
  ];
}

/** The leaf's CHECK says what the bound says, so ATTACH reads no row; autovacuum may look after it from here on. */
function attachStatements({ name, from, to }: LeafBounds): readonly string[] {
  return [
    `ALTER TABLE backhaul.bars ATTACH PARTITION backhaul.${name} FOR VALUES FROM (${from}) TO (${to})`,
    `ALTER TABLE backhaul.${name} DROP CONSTRAINT ${name}_range`,
    `ALTER TABLE backhaul.${name} RESET (autovacuum_enabled)`,
  ];
}
