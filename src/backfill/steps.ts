/** The steps a job may have, and the command line that each is. */

/** The steps of a job, in the order they are run. */
export const STEPS = ['events', 'load', 'rollup', 'scan', 'fill', 'validate', 'report', 'export'] as const;
export type StepName = (typeof STEPS)[number];

/** The words of the command line that a step is. */
const STEP_COMMANDS: Readonly<Record<StepName, readonly string[]>> = {
  events: ['events', 'load'],
  load: ['load'],
  rollup: ['rollup'],
  scan: ['gaps', 'scan'],
  fill: ['gaps', 'fill'],
  validate: ['validate'],
  report: ['report'],
  export: ['export'],
};

/** The key whose values are the command's own words, not a flag. */
export const STEP_POSITIONALS: Readonly<Record<StepName, string | null>> = {
  events: 'file',
  load: 'sources',
  rollup: 'intervals',
  scan: null,
  fill: 'sources',
  validate: null,
  report: null,
  export: 'folder',
};

/** Which flags each step's command has; `switch` ones take no value. */
export type StepFlags = Readonly<Record<StepName, ReadonlyMap<string, 'switch' | 'value' | 'list'>>>;

/** A value as it stands in the file, and with its `${VARIABLES}` put in. The former is what may be shown. */
export interface Text {
  readonly written: string;
  readonly meant: string;
}

export interface Step {
  readonly job: string;
  readonly name: StepName;
  /** 0, 1 … of several steps of a name in one job. */
  readonly number: number;
  readonly words: readonly Text[];
  readonly flags: readonly { readonly name: string; readonly texts: readonly Text[] | null }[];
}

/** The step's command line: the words of the command, its own words, its flags. As meant, or as it may be shown. */
export function stepArguments(step: Step, as: keyof Text): string[] {
  return [
    ...STEP_COMMANDS[step.name],
    ...step.words.map((word) => word[as]),
    ...step.flags.flatMap(({ name, texts }) =>
      texts === null ? [`--${name}`] : texts.flatMap((text) => [`--${name}`, text[as]]),
    ),
  ];
}

/** `kraken/fill`, `kraken/fill.2`: how a step is named and resumed. */
export function stepId({ job, name, number }: Step): string {
  return `${job}/${name}${number === 0 ? '' : `.${number + 1}`}`;
}
