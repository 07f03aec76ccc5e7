/** What the command line takes from its environment. */
export interface CliConfig {
  /** Whether a terminal may be given colours (https://no-color.org). */
  readonly colour: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function readConfig(environment: Environment = process.env): CliConfig {
  return { colour: !environment.NO_COLOR && environment.TERM !== 'dumb' };
}
