import { describe, expect, it } from 'vitest';
import { commandsFor } from '../../src/commands/next_load.ts';

describe('the command that loads a file again', () => {
  const plain = {
    sources: ['./new'],
    layout: 'auto',
    maxRejects: 1000,
    maxRejectShare: 0.01,
    onInvalid: 'reject',
  } as const;
  const own = { ...plain, sources: ['other', './2023'], layout: 'my layout.yaml' } as const;

  it('names the source that held it, with what was said then, not that of the last load', () => {
    const runs = [plain, own];
    expect(commandsFor(['file:///w/2023/a.csv'], runs, '/w', undefined)).toEqual([
      "npx backhaul load ./2023 --layout 'my layout.yaml'",
    ]);
    expect(
      commandsFor(['file:///w/new/b.csv', 'file:///w/new/c.csv'], runs, '/w', 'postgres://me@h/d'),
    ).toEqual(['npx backhaul load ./new --database postgres://me@h/d']);
  });

  it('names the file where no load held it, such as a folder of a longer name', () => {
    expect(commandsFor(['file:///w/2023-fixed/a.csv'], [plain, own], '/w', undefined)).toEqual([
      'npx backhaul load /w/2023-fixed/a.csv',
    ]);
  });

  it('repeats rules, filters and access, and no secret', () => {
    const asked = {
      ...plain,
      sources: ['s3://b/ohlc'],
      onInvalid: 'keep',
      onConflict: 'replace',
      maxRejects: null,
      maxRejectShare: 0.07,
      fromUs: Date.UTC(2024, 2, 5) * 1000,
      symbols: ['XBTUSD', 'BRK B'],
      intervals: [3600, 86_400],
      rollups: [604_800],
      sourceOptions: { profile: 'work', signRequest: true, pathStyle: true },
    } as const;
    expect(commandsFor(['s3://b/ohlc/x.zip'], [asked], '/w', 'postgres://me:pw@h/d')).toEqual([
      "npx backhaul load s3://b/ohlc --symbols 'XBTUSD,BRK B' --intervals 1h,1d --from 2024-03-05 " +
        "--rollups 1w --on-conflict replace --on-invalid keep --max-rejects 7% --profile work --path-style --database 'postgres://me:***@h/d'",
    ]);
  });
});
