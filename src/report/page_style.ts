/** Colours and styles of the report's page. Pure. */

/** Text made safe inside HTML and attribute values; control characters have no business on a page. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text
    .replace(/\p{Cc}|[\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character]!);
}

/**
 * Steps of completeness, from nothing to all. Told apart by lightness as well as by hue (teal against orange), so that
 * they read without colour vision too.
 */
export const SHADES = [
  { least: 1, name: 'all covered', light: '#0f766e', dark: '#2dd4bf' },
  { least: 0.99, name: '99% and more', light: '#5eb8ad', dark: '#1f9d8f' },
  { least: 0.9, name: '90% and more', light: '#f4d35e', dark: '#d9b43a' },
  { least: 0.5, name: '50% and more', light: '#f29544', dark: '#e07a2a' },
  { least: Number.MIN_VALUE, name: 'below 50%', light: '#d95427', dark: '#c2411c' },
  { least: 0, name: 'nothing', light: '#8f1d14', dark: '#8a2b22' },
] as const;

/** The step a share belongs to: 5 is all, 0 nothing. */
export function shadeOf(share: number): number {
  return SHADES.length - 1 - SHADES.findIndex((shade) => share >= shade.least);
}

const shadeRules = (of: 'light' | 'dark'): string =>
  SHADES.map((shade, i) => `--shade-${SHADES.length - 1 - i}:${shade[of]};`).join('');

const DARK = '#1c1917';
const LIGHT = '#fff';
/** Text on a shade, from all to nothing: what can be read on it. */
const onShades = {
  light: [LIGHT, DARK, DARK, DARK, LIGHT, LIGHT],
  dark: [DARK, LIGHT, DARK, DARK, LIGHT, LIGHT],
};

const textRules = (of: 'light' | 'dark'): string =>
  onShades[of].map((colour, i) => `--on-${SHADES.length - 1 - i}:${colour};`).join('');

const shadedCells = SHADES.map(
  (_, i) => `[data-shade="${i}"]{background:var(--shade-${i});color:var(--on-${i})}`,
).join('');

export const PAGE_STYLE = `
:root{color-scheme:light dark;--ground:#fafaf9;--card:#fff;--text:#1c1917;--quiet:#6b6560;--line:#e3e0dc;--code:#f1efec;${shadeRules('light')}${textRules('light')}}
@media (prefers-color-scheme:dark){:root{--ground:#171513;--card:#211e1b;--text:#f0ece7;--quiet:#a49c94;--line:#37322d;--code:#2b2723;${shadeRules('dark')}${textRules('dark')}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1200px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0}h2{font-size:18px;margin:0 0 4px}
.when,.lead{color:var(--quiet);margin:4px 0 12px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin-top:20px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px;display:flex;flex-direction:column}
.tile b{font-size:28px;line-height:1.15}.tile span{font-weight:600}.tile small{opacity:.8}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:auto}
th,td{padding:5px 10px;text-align:left;white-space:nowrap}
thead th{color:var(--quiet);font-weight:600;font-size:13px;border-bottom:1px solid var(--line)}
tbody th{font-weight:600}th small{color:var(--quiet);font-weight:400}
.matrix td{text-align:center;border:2px solid var(--card);border-radius:6px;min-width:76px;font-variant-numeric:tabular-nums}
.matrix td small{display:block;font-size:11px;line-height:1.1;opacity:.9}
.matrix thead th{text-align:center;border-bottom:0}.matrix thead th.name{text-align:left}.matrix td.tier{background:none;color:var(--quiet);min-width:0;text-align:left}
.gaps{width:100%}.gaps td{border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}.gaps th{border-bottom:1px solid var(--line)}
.number{text-align:right}.gaps td.file{font-size:13px;white-space:normal;overflow-wrap:anywhere;min-width:220px}
.kind{border-radius:4px;padding:1px 7px;font-size:12px;font-weight:600;background:var(--code)}
.kind.file{background:var(--shade-2);color:#1c1917}
.next{list-style:none;margin:6px 0 0;padding:0}.next li{display:flex;flex-wrap:wrap;gap:4px 14px;padding:5px 0;align-items:baseline}
code{background:var(--code);border-radius:5px;padding:3px 8px;font:13px ui-monospace,SFMono-Regular,Menlo,monospace}
.next span{color:var(--quiet)}
svg{display:block}svg text{fill:var(--text);font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
svg .quiet{fill:var(--quiet);font-size:11px}svg .year{stroke:var(--line)}svg .out{fill:none;stroke:var(--line);stroke-width:.5}
${SHADES.map((_, i) => `svg .s${i}{fill:var(--shade-${i})}`).join('')}
.controls{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;margin:0 0 10px}
.controls input[type=search],.controls select{font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:4px 8px}
.controls input[type=search]{width:16em;max-width:60vw}.controls output{color:var(--quiet);margin-left:auto}
kbd{background:var(--code);border-radius:4px;padding:0 6px;font:13px ui-monospace,SFMono-Regular,Menlo,monospace}
.area{overflow:auto;max-height:70vh;border-top:1px solid var(--line)}
.series{width:100%;font-variant-numeric:tabular-nums}.series th,.series td{height:30px;padding:0 10px;max-width:340px;overflow:hidden;text-overflow:ellipsis}
.series .strip{max-width:none}
.series thead th{position:sticky;top:0;background:var(--card);z-index:1}.series .space td,.series .space{padding:0;border:0}
.series button{font:inherit;font-weight:600;color:inherit;background:none;border:0;padding:2px 4px;margin:0 -4px;cursor:pointer;border-radius:4px}
.series thead [aria-sort=ascending] button::after{content:' ↑'}.series thead [aria-sort=descending] button::after{content:' ↓'}
.series .group{background:var(--code)}.chip{border-radius:5px;padding:2px 7px}
.series .number,.series thead .number{text-align:right}
:focus-visible{outline:2px solid var(--shade-4);outline-offset:1px}
[hidden]{display:none}
.legend{display:flex;flex-wrap:wrap;gap:6px 16px;margin:0 0 14px;padding:0;list-style:none;font-size:13px;color:var(--quiet)}
.legend i{display:inline-block;width:13px;height:13px;border-radius:3px;margin-right:6px;vertical-align:-2px}
.legend i.out{border:1px solid var(--line)}
${shadedCells}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
`;
