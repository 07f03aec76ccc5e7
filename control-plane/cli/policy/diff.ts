import {
  type BehaviourChange,
  diffPolicies,
  type PolicyDiff,
  type SelectorChange,
} from '../../../proto/ts/policy/diff/diff.js';
import { checkOneStdin, readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io } from '../command.js';
import { type Paint, painter, printable, printJson, printLines } from '../output.js';
import {
  isRefused,
  type LoadedPolicy,
  loadPolicy,
  placeOfResponse,
  refuse,
  together,
} from './documents.js';
import { refusalOf } from './judge.js';
import { eventToJson } from './read-event.js';
import { factsToJson } from './read-facts.js';

const HELP = `bulkhead policy diff [--exit-code] [--json] BEFORE AFTER

Tells how two policies differ in what they do, both enforced, not in how they are written: what
changes, and where the response stands that does it.

  + something that only AFTER does
  - something that only BEFORE does
  ~ what is written differently; it need not change what the policy does

  BEFORE, AFTER   a file, or - for standard input
  --exit-code     answer 1 where they differ, or where it could not be told that they do not
  --json          one JSON document instead; it has an event for each change, on which the two
                  differ so, as "bulkhead policy explain" takes it

Exit codes: 0 compared, 1 they differ (--exit-code) or one is invalid, 2 usage, 3 a file could not
be read.
`;

export const diff: Command = { help: HELP, run };

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, operands } = readArguments(args, {
    flags: ['exit-code', 'json'],
    texts: [],
    operands: { what: 'BEFORE and AFTER', min: 2, max: 2 },
  });
  checkOneStdin(operands);
  const [beforePath = '', afterPath = ''] = operands;
  const json = flags.has('json');
  const loaded = [await loadPolicy(beforePath, io), await loadPolicy(afterPath, io)];
  const [before, after] = loaded.flatMap(({ policies }) => policies);
  const refused = together(loaded);
  if (isRefused(refused) || !before || !after) return refuse(refused, json, io);
  return tellDiff(before, after, { exitCode: flags.has('exit-code'), json }, io);
}

/** Tells how two policies differ in what they do. */
export function tellDiff(
  before: LoadedPolicy,
  after: LoadedPolicy,
  { exitCode, json }: { readonly exitCode: boolean; readonly json: boolean },
  io: Io,
): ExitCode {
  try {
    const found = diffPolicies(before.policy, after.policy);
    const code = exitCode && !(found.same && found.exact) ? EXIT.no : EXIT.fine;
    if (json) {
      printJson(io.stdout, { ok: code === EXIT.fine, ...diffToJson(found, before, after) });
    } else {
      printLines(io.stdout, diffLines(found, before, after, painter(io, io.stdout)));
    }
    return code;
  } catch (error) {
    const refusal = refusalOf(error, [before, after]);
    if (!refusal) throw error;
    return refuse(refusal, json, io);
  }
}

/** What changes, in lines. */
export function diffLines(
  { changes, selectors, unknownContainer, exact, same }: PolicyDiff,
  before: LoadedPolicy,
  after: LoadedPolicy,
  paint: Paint,
): string[] {
  const lines = changes.flatMap((change) => {
    const isNew = change.direction === 'newly';
    const mark = isNew ? paint('green', '+') : paint('red', '-');
    const places = placesOf(change, isNew ? after : before);
    return [
      `${mark} ${printable(change.text)}`,
      `    at ${places.map(({ file, line }) => `${printable(file)}:${line}`).join(', ')}`,
    ];
  });
  const written = selectors.map((one) => `~ ${selectorText(one)}`);
  if (unknownContainer) {
    const { before: was, after: is } = unknownContainer;
    written.push(`~ unknownContainer: ${is}, was ${was}`);
  }
  return [...lines, ...written, ...conclusion(exact, same)];
}

function conclusion(exact: boolean, same: boolean): string[] {
  if (exact) return same ? ['the policies do the same'] : [];
  return [
    same
      ? 'no difference was found, but the policies are too large to look at all that can happen'
      : 'the policies are too large to look at all that can happen: there may be more',
  ];
}

function selectorText(change: SelectorChange): string {
  const what = `${change.section} selector ${change.name}`;
  switch (change.kind) {
    case 'changed':
      return `${what}: changed in ${change.conditions.join(', ')}`;
    case 'renamed':
      return `${what}: was named ${change.formerName}`;
    default:
      return `${what}: ${change.kind}`;
  }
}

function diffToJson(
  { changes, selectors, unknownContainer, exact, same }: PolicyDiff,
  before: LoadedPolicy,
  after: LoadedPolicy,
): object {
  return {
    same,
    exact,
    changes: changes.map((change) => ({
      kind: change.kind,
      direction: change.direction,
      when: change.when,
      section: change.section,
      operations: change.operations,
      text: change.text,
      responses: placesOf(change, change.direction === 'newly' ? after : before),
      example: exampleOf(change),
    })),
    selectors,
    unknownContainer,
    problems: [],
    faults: [],
  };
}

/** The responses of a change in their file. */
function placesOf({ section, responses }: BehaviourChange, policy: LoadedPolicy) {
  const { file } = policy;
  return responses.map(({ response, match, exclude }) => {
    const { line, column } = placeOfResponse(policy, section, response) ?? {};
    return { file, line, column, match, exclude };
  });
}

/** As `explain --event` takes it. */
function exampleOf({ example: { event, facts } }: BehaviourChange): object {
  return { ...eventToJson(event), ...(facts && { container: factsToJson(facts) }) };
}
