import type { ApiClient } from '../api/client.js';
import { confirmed } from '../api/confirm.js';
import { printJsonSafely } from '../api/formats.js';
import { optionLines, SESSION_HELP } from '../api/resource-commands.js';
import {
  openSession,
  SESSION_FLAGS,
  SESSION_TEXTS,
  type SessionArguments,
} from '../api/session.js';
import { checkOneStdin, oneOf, readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from '../command.js';
import { say } from '../output.js';
import { isRefused, refuse } from '../policy/documents.js';
import { startProgress } from '../progress.js';
import { carryOut, printDone, sayOutcome } from './carry-out.js';
import { loadManifests } from './load.js';
import { makePlan, PRUNABLE, type Prunable } from './plan.js';
import { countsOf, printPlan, stepToJson } from './show.js';
import type { Step } from './step.js';

const ABOUT = `  -f, --file PATH       a file, a folder (every *.yaml and *.yml below it), or - for standard input;
                        more may follow
`;
const PRUNE = [
  '--prune KINDS',
  `delete what the files do not name: ${PRUNABLE.join(',')}`,
] as const;
const OUTPUT = ['-o, --output FORMAT', 'text (default) or json'] as const;
const EXITS = `2 usage, 3 a file could not be read or is invalid,
4 the control plane refused, 5 it could not be asked.
`;

export const apply: Command = {
  help: `bulkhead apply -f PATH... [OPTIONS]

Makes what is there as documents say, and shows the plan first. All documents are checked before
anything is sent. It stops at the first step that is refused; applied again, it goes on from there.

${ABOUT}${optionLines([
  ['--dry-run', 'show the plan and answer 1 where there is one, as "bulkhead diff" does'],
  PRUNE,
  ['--yes', 'do not ask'],
  OUTPUT,
  ...SESSION_HELP,
])}
  apiVersion: bulkhead.io/v1
  kind: Policy                       # or Cluster, Assignment, Webhook
  metadata: {name: drift}
  spec: {file: drift.yaml}           # or the policy itself

Exit codes: 0 done, 1 the answer was no, or there is drift (--dry-run),
${EXITS}`,
  run: async (args, io) => {
    const read = readApply(args, ['dry-run', 'yes']);
    if (read.flags.has('dry-run')) return dryRun(read, io);
    return runApply(read, io);
  },
};

export const diff: Command = {
  help: `bulkhead diff -f PATH... [OPTIONS]

Tells how what is there differs from what documents say: what "bulkhead apply" would do.

${ABOUT}${optionLines([PRUNE, OUTPUT, ...SESSION_HELP])}
Exit codes: 0 there is no drift, 1 there is, ${EXITS}`,
  run: async (args, io) => dryRun(readApply(args, []), io),
};

interface ApplyArguments extends SessionArguments {
  readonly flags: SessionArguments['flags'] & Pick<ReadonlySet<string>, 'has'>;
  readonly paths: readonly string[];
  readonly prune: readonly Prunable[];
  readonly json: boolean;
}

interface Planned {
  readonly client: ApiClient;
  readonly steps: readonly Step[];
}

/** @throws UsageError */
function readApply(args: readonly string[], flags: readonly string[]): ApplyArguments {
  const read = readArguments<string, string>(args, {
    flags: [...SESSION_FLAGS, ...flags],
    texts: [...SESSION_TEXTS, 'file', 'prune', 'output'],
    short: { f: 'file', o: 'output' },
    operands: { what: 'PATH', min: 0, max: Number.POSITIVE_INFINITY },
  });
  const file = read.texts.get('file');
  if (file === undefined) throw new UsageError('--file is missing');
  const paths = [file, ...read.operands];
  checkOneStdin(paths);
  const kinds = read.texts.get('prune')?.split(',') ?? [];
  return {
    flags: read.flags,
    texts: read.texts,
    paths,
    prune: kinds.flatMap((kind) => oneOf('--prune', kind, PRUNABLE) ?? []),
    json: oneOf('--output', read.texts.get('output'), ['text', 'json']) === 'json',
  };
}

/** An exit code: why there is no plan. @throws Failure */
async function plan(read: ApplyArguments, io: Io): Promise<Planned | ExitCode> {
  const loaded = await loadManifests(read.paths, io);
  if (isRefused(loaded)) {
    refuse(loaded, read.json, io);
    return EXIT.file;
  }
  if (loaded.declared.length === 0) throw new UsageError('the files have no document');
  const client = await openSession(read, io);
  const progress = startProgress(io, loaded.declared.length);
  try {
    return { client, steps: await makePlan(client, loaded.declared, read.prune, progress.step) };
  } finally {
    progress.end();
  }
}

async function dryRun(read: ApplyArguments, io: Io): Promise<ExitCode> {
  const planned = await plan(read, io);
  if (typeof planned === 'number') return planned;
  const { steps } = planned;
  const same = steps.every(({ action }) => action === 'unchanged');
  if (read.json) printJsonSafely(io.stdout, { ok: same, plan: steps.map(stepToJson) });
  else printPlan(steps, io);
  return same ? EXIT.fine : EXIT.no;
}

async function runApply(read: ApplyArguments, io: Io): Promise<ExitCode> {
  const planned = await plan(read, io);
  if (typeof planned === 'number') return planned;
  const { client, steps } = planned;
  if (!read.json) printPlan(steps, io);
  const same = steps.every(({ action }) => action === 'unchanged');
  const question = `Apply this (${countsOf(steps)})?`;
  if (!same && !(await confirmed(question, read.flags.has('yes'), io))) return EXIT.no;
  const outcome = await io.whole(async (stop) => {
    stop.addEventListener('abort', () => say(io, 'it ends behind the step that is under way'));
    const onDone = (step: Step) => {
      if (!read.json) printDone(step, io);
    };
    const result = await carryOut(client, steps, onDone, stop);
    // Also where a signal ends the process behind this.
    sayOutcome(result, io);
    return result;
  });
  if (read.json) {
    const { exit, done, undone, failure } = outcome;
    printJsonSafely(io.stdout, {
      ok: exit === EXIT.fine,
      plan: steps.map(stepToJson),
      done: done.map(({ kind, name }) => ({ kind, name })),
      undone: undone.map(({ kind, name }) => ({ kind, name })),
      failure,
    });
  }
  return outcome.exit;
}
