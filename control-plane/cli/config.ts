import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Settings } from './command.js';

/** What the command line takes from its environment. */
export interface CliConfig extends Settings {
  /** Whether a terminal may be given colours (https://no-color.org). */
  readonly colour: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function readConfig(environment: Environment = process.env): CliConfig {
  return {
    colour: !environment.NO_COLOR && environment.TERM !== 'dumb',
    contextFile: join(configFolder(environment), 'bulkhead', 'config.yaml'),
    context: environment.BULKHEAD_CONTEXT || undefined,
    server: environment.BULKHEAD_SERVER || undefined,
    apiKey: environment.BULKHEAD_API_KEY || undefined,
    caFile: environment.BULKHEAD_CA_FILE || undefined,
  };
}

/** A variable that a document names. */
export function readVariable(name: string): string | undefined {
  return process.env[name];
}

/**
 * For whoever reads policies: yaml asks process.env at each token, which is a call into C++; of a
 * copy it is a look-up, and a document takes a fifth less time.
 */
export function snapshotEnvironment(): void {
  process.env = { ...process.env };
}

/** A relative XDG_CONFIG_HOME counts as none (XDG base directories). */
function configFolder({ XDG_CONFIG_HOME, HOME }: Environment): string {
  if (XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME)) return XDG_CONFIG_HOME;
  return join(HOME || homedir(), '.config');
}
