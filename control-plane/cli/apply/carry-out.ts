import type { ApiClient } from '../api/client.js';
import { EXIT, type ExitCode, Failure, type Io } from '../command.js';
import { count, printLines, say } from '../output.js';
import { stepName } from './show.js';
import type { Step } from './step.js';

export interface Outcome {
  readonly exit: ExitCode;
  readonly done: readonly Step[];
  readonly undone: readonly Step[];
  /** Why it stopped. */
  readonly failure: readonly string[];
}

const DONE = { create: 'created', update: 'updated', delete: 'deleted', unchanged: '' } as const;

/**
 * Step by step, to the first that is refused. A signal ends it between two steps: the call that is
 * under way is waited for, so that what was done is known.
 */
export async function carryOut(
  client: ApiClient,
  steps: readonly Step[],
  onDone: (step: Step) => void,
  stop: AbortSignal,
): Promise<Outcome> {
  const wanted = steps.filter(({ action }) => action !== 'unchanged');
  const done: Step[] = [];
  const end = (exit: ExitCode, failure: readonly string[]): Outcome => {
    return { exit, done, undone: wanted.slice(done.length), failure };
  };
  for (const step of wanted) {
    if (stop.aborted) return end(EXIT.no, ['interrupted']);
    try {
      await step.carryOut(client);
    } catch (error) {
      if (error instanceof Failure) return end(error.exit, error.lines);
      throw error;
    }
    done.push(step);
    onDone(step);
  }
  return end(EXIT.fine, []);
}

export function printDone(step: Step, io: Io): void {
  printLines(io.stdout, [`${DONE[step.action]} ${stepName(step)}`]);
}

export function sayOutcome({ done, undone, failure }: Outcome, io: Io): void {
  const [failed] = undone;
  if (!failed) return;
  for (const line of failure) say(io, line);
  say(io, `${count(done.length, 'step')} done; not done: ${undone.map(stepName).join(', ')}`);
  say(io, 'apply again to go on from here');
}
