/** What a path tells by the named groups of a layout's patterns, and how near to the file it stands. */

import type { Layout } from './layout.ts';

export interface NameGroups {
  readonly values: Readonly<Record<string, string>>;
  /** Groups that folders further up suggest: neither a layout's `paths`, nor the name of the file or its zip. */
  readonly far: ReadonlySet<string>;
}

export function groupsOf(layout: Layout, path: string): NameGroups {
  const values: Record<string, string> = {};
  const far = new Set<string>();
  const own = ownNameFrom(path);
  const take = (match: RegExpExecArray | null, isNear: boolean): boolean => {
    for (const [name, value] of Object.entries(match?.groups ?? {})) {
      if (value === undefined || values[name] !== undefined) continue;
      values[name] = value;
      const at = match!.indices?.groups?.[name]?.[0] ?? 0;
      if (!isNear && at < own) far.add(name);
    }
    return match !== null;
  };
  [...layout.paths, ...layout.maybe].some((pattern) => take(matchOf(pattern, path), true));
  for (const pattern of layout.context) take(pattern.exec(path), false);
  return { values, far };
}

/**
 * A pattern's match in a path. How a file is compressed is no part of what its name says: a pattern that does not know
 * the ending fits the name without it, and that of a table fits as if it were a CSV.
 */
export function matchOf(pattern: RegExp, path: string): RegExpExecArray | null {
  const plain = path
    .replace(/\.(?:gz|zst|xz|bz2)$/i, '')
    .replace(/\.(?:parquet|arrows?|ipc|feather)$/i, '.csv');
  return pattern.exec(path) ?? pattern.exec(plain);
}

/** Where the file's own name starts: that of the zip it lies in, or else its last segment. */
function ownNameFrom(path: string): number {
  const zip = /[^/]*\.(?:zip|tar(?:\.(?:gz|zst|xz|bz2))?|tgz|tzst|txz|tbz2?)(?=\/)/i.exec(path);
  return zip === null ? path.lastIndexOf('/') + 1 : zip.index;
}

/** Puts groups into a template; `{group:lower}` in small letters, `{group:upper}` in capitals. */
export function fillIn(template: string, groups: NameGroups['values']): string {
  return template.replace(
    /\{([A-Za-z]\w*)(?::(lower|upper))?\}/g,
    (_, name: string, letters: string | undefined) => {
      const value = groups[name] ?? '';
      return letters === 'lower' ? value.toLowerCase() : letters === 'upper' ? value.toUpperCase() : value;
    },
  );
}

/** Whether a template takes something from a group of which a far folder tells. */
export function isFar(template: string, { far }: NameGroups): boolean {
  return [...template.matchAll(/\{([A-Za-z]\w*)(?::lower|:upper)?\}/g)].some(([, name]) => far.has(name!));
}
