import type { ExecBackend } from '../../node-agent/native/native.js';
import { Arena, type Run } from './arena.js';
import {
  complaintOf,
  type Judged,
  judgeControl,
  judgeRun,
  type Outcome,
  stoppedAs,
} from './judge.js';
import { LEGITIMATE_WORK } from './legitimate.js';
import { FORBID_DRIFT } from './policies.js';
import { type Act, PAYLOAD_PROOF, type Technique } from './technique.js';
import { TECHNIQUES } from './techniques.js';

export interface TechniqueResult {
  readonly kind: 'technique';
  readonly name: string;
  readonly outcome: Outcome;
  readonly note: string;
}

export interface LegitimateResult {
  readonly kind: 'legitimate';
  readonly name: string;
  readonly outcome: 'untouched' | 'false block' | 'broken';
  readonly note: string;
}

export type Result = TechniqueResult | LegitimateResult;

export interface SuiteOptions {
  readonly image: string;
  readonly backend: ExecBackend;
  /** Name of a technique or of legitimate work; undefined: all. */
  readonly only: string | undefined;
  /** For one run of one program. */
  readonly limitMs: number;
  readonly onResult: (result: Result) => void;
  readonly signal: AbortSignal;
}

const ALERT_WAIT_MS = 20_000;

/** Every technique and all legitimate work, without a policy and under it, on one backend. */
export async function runSuite(options: SuiteOptions): Promise<void> {
  const { signal, only, backend, image } = options;
  const arena = await Arena.open(image, backend);
  const stop = () => arena.kill();
  signal.addEventListener('abort', stop);
  try {
    const chosen = TECHNIQUES.filter(({ name }) => only === undefined || name === only);
    const runs = new Map<Technique, Runs>();
    for (const technique of chosen.filter(({ needs }) => needs?.stalledRings)) {
      runs.set(technique, await runTechnique(arena, technique, options));
    }
    arena.start();
    for (const technique of chosen) {
      signal.throwIfAborted();
      const { control, forbidden } =
        runs.get(technique) ?? (await runTechnique(arena, technique, options));
      const judged = await judge(arena, technique, control, forbidden);
      options.onResult({ kind: 'technique', name: technique.name, ...judged });
    }
    for (const work of LEGITIMATE_WORK) {
      if (only !== undefined && work.name !== only) continue;
      signal.throwIfAborted();
      options.onResult(await runLegitimate(arena, work, options));
    }
  } finally {
    signal.removeEventListener('abort', stop);
    arena.close();
  }
}

interface Runs {
  readonly control: Run;
  /** undefined: without a policy it did not succeed, or its operation is not carried out. */
  readonly forbidden: Run | undefined;
}

async function runTechnique(
  arena: Arena,
  technique: Technique,
  { limitMs, signal }: SuiteOptions,
): Promise<Runs> {
  const { name, words = [], controlWords = words, proof = PAYLOAD_PROOF } = technique;
  const common = { act: technique, proof, limitMs };
  const control = await arena.run({
    ...{ ...common, id: `${name}-control`, words: controlWords, policy: undefined },
  });
  signal.throwIfAborted();
  if (judgeControl(control) || !arena.carriesOut(technique))
    return { control, forbidden: undefined };
  const policy = technique.policy ?? FORBID_DRIFT;
  const forbidden = await arena.run({ ...common, id: `${name}-policy`, words, policy });
  // Or a run that was ended from outside would look like one that was stopped.
  signal.throwIfAborted();
  return { control, forbidden };
}

async function judge(
  arena: Arena,
  technique: Technique,
  control: Run,
  forbidden: Run | undefined,
): Promise<Judged> {
  const fault = judgeControl(control);
  if (fault) return fault;
  if (!forbidden) return { outcome: 'not carried out', note: `needs ${technique.operation}` };
  const verdict = { denied: 'VERDICT_DENIED', killed: 'VERDICT_KILLED' };
  const stopped = stoppedAs(forbidden);
  const alerted =
    stopped !== undefined && (await arena.hasAlert(forbidden.id, verdict[stopped], ALERT_WAIT_MS));
  return judgeRun(technique, forbidden, alerted);
}

async function runLegitimate(
  arena: Arena,
  work: Act,
  { limitMs }: SuiteOptions,
): Promise<LegitimateResult> {
  const { name, words = [] } = work;
  const common = { act: work, words, proof: PAYLOAD_PROOF, limitMs };
  const result = (outcome: LegitimateResult['outcome'], note: string): LegitimateResult => ({
    ...{ kind: 'legitimate', name, outcome, note },
  });
  const control = await arena.run({ ...common, id: `${name}-free`, policy: undefined });
  const fault = complaintOf(control);
  if (fault) return result('broken', `without a policy: ${fault}`);
  const run = await arena.run({ ...common, id: `${name}-work`, policy: FORBID_DRIFT });
  const complaint = complaintOf(run);
  if (run.stops > 0) return result('false block', `${run.stops} stopped: ${complaint ?? 'done'}`);
  return complaint ? result('false block', complaint) : result('untouched', '');
}
