/**
 * The statements of a text of SQL, each without its semicolon. Knows what a migration may hold: quotes, quoted names,
 * dollar quotes, comments of both kinds. Pure.
 */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let from = 0;
  // Each alternative is something within which a semicolon ends nothing; the last one is the semicolon that does.
  const parts =
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|;/g;
  for (const part of sql.matchAll(parts)) {
    if (part[0] !== ';') continue;
    statements.push(sql.slice(from, part.index));
    from = part.index + 1;
  }
  statements.push(sql.slice(from));
  const comments = /--[^\n]*|\/\*[\s\S]*?\*\//g;
  return statements.map((text) => text.trim()).filter((text) => text.replace(comments, '').trim() !== '');
}
