import type { Technique } from './technique.js';

/** What a run told by itself (programs/technique.h), and what was seen from outside. */
export interface Observed {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** The forbidden thing has happened. */
  readonly proved: boolean;
}

export type Outcome = 'denied' | 'killed' | 'missed' | 'absent' | 'not carried out' | 'broken';

export interface Judged {
  readonly outcome: Outcome;
  /** For the reader; may be empty. */
  readonly note: string;
}

const EPERM = 1;
const EACCES = 13;
const SIGKILL = 9;
const KILLED_EXIT = 128 + SIGKILL;

/** The run without a policy: undefined, all is well: it got to its act, and the act succeeded. */
export function judgeControl(run: Observed): Judged | undefined {
  const absent = told(run, 'absent');
  if (absent !== undefined) return { outcome: 'absent', note: absent };
  if (!isReady(run)) return broken('without a policy: not ready', run);
  if (!run.proved) return broken('without a policy: no proof', run);
  return undefined;
}

/** How a run under the policy was stopped, before anyone has asked for the alert. */
export function stoppedAs(run: Observed): 'denied' | 'killed' | undefined {
  const errno = Number(told(run, 'errno') ?? 0);
  if (errno === EPERM || errno === EACCES) return 'denied';
  if (Number(told(run, 'signal')) === SIGKILL || run.exitCode === KILLED_EXIT) return 'killed';
  return undefined;
}

/** The run under the policy. `alerted`: an alert says that it was stopped as stoppedAs() says. */
export function judgeRun(technique: Technique, run: Observed, alerted: boolean): Judged {
  const stopped = run.timedOut ? undefined : stoppedAs(run);
  const note = told(run, 'note') ?? '';
  if (!isReady(run)) return broken('not ready', run);
  if (run.proved) {
    // A signal comes after the act: the process is gone, what it did stands.
    if (technique.operation === 'file' && stopped === 'killed' && alerted) {
      return { outcome: 'killed', note: 'what it did stands' };
    }
    return { outcome: 'missed', note };
  }
  if (!stopped) return broken('neither stopped nor successful', run);
  if (!alerted) return broken(`${stopped} without an alert`, run);
  return { outcome: stopped, note };
}

/** Legitimate work has printed "done" and ended well; else what it said. */
export function complaintOf(run: Observed): string | undefined {
  const isDone = run.exitCode === 0 && !run.timedOut && /^done$/m.test(run.stdout);
  return isDone ? undefined : broken('not done', run).note;
}

function isReady(run: Observed): boolean {
  return /^ready$/m.test(run.stdout);
}

/** The rest of the first line that begins with the word. */
function told({ stdout }: Observed, word: string): string | undefined {
  return new RegExp(`^${word} (.*)$`, 'm').exec(stdout)?.[1];
}

function broken(what: string, run: Observed): Judged {
  const said = `${run.stdout} ${run.stderr}`.replace(/\s+/g, ' ').trim().slice(-200);
  const end = run.timedOut ? 'timed out' : `exit code ${run.exitCode}`;
  return { outcome: 'broken', note: `${what} (${end}): ${said}` };
}
