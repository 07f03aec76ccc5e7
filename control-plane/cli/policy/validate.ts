import type { Policy } from '../../../proto/ts/policy/model.js';
import { NODE_LIMITS, supportProblems, tableNeed } from '../../../proto/ts/policy/node-support.js';
import type { Problem } from '../../../proto/ts/policy/problems.js';
import { tableProblems } from '../../../proto/ts/policy/table-check.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io } from '../command.js';
import { type Content, findFiles, nameOf, readDocument } from '../files.js';
import {
  count,
  type FileFault,
  type FileProblem,
  painter,
  printJson,
  printLines,
  problemLine,
  say,
  sayFaults,
} from '../output.js';
import { startProgress } from '../progress.js';
import { inFile, parseContent } from './documents.js';

const HELP = `bulkhead policy validate [--strict] [--json] FILE...

Checks policy documents: their form, whether they fit the tables of a node, and (as warnings) what
nodes of this version cannot carry out. Prints a line for each problem:

  file:line:column: severity CODE: message (hint)

  FILE       a file, a folder (every *.yaml and *.yml below it), or - for standard input
  --strict   warnings count as errors
  --json     one JSON document instead of lines

Exit codes: 0 all are valid, 1 at least one is not, 2 usage, 3 a file could not be read.
`;

export const validate: Command = { help: HELP, run };

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, operands } = readArguments(args, {
    flags: ['strict', 'json'],
    texts: [],
    operands: { what: 'FILE', min: 1, max: Number.POSITIVE_INFINITY },
  });
  const found = await findFiles(operands);
  const faults: FileFault[] = [...found.faults];
  const problems: FileProblem[] = [];
  const progress = startProgress(io, found.files.length);
  for (const path of found.files) {
    const file = nameOf(path);
    progress.step(file);
    const content = await readDocument(path, io);
    if (content.kind === 'fault') faults.push({ file, message: content.message });
    else problems.push(...inFile(file, checkContent(content)));
  }
  progress.end();
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const ok = errors === 0 && faults.length === 0 && !(flags.has('strict') && warnings > 0);
  if (flags.has('json')) {
    const files = found.files.map(nameOf);
    printJson(io.stdout, { ok, files, errors, warnings, problems, faults });
  } else {
    const paint = painter(io, io.stdout);
    printLines(
      io.stdout,
      problems.map((problem) => problemLine(problem, paint)),
    );
  }
  sayFaults(io, faults);
  if (!flags.has('json')) {
    const policies = count(found.files.length, 'policy', 'policies');
    say(io, `${policies}, ${count(errors, 'error')}, ${count(warnings, 'warning')}`);
  }
  if (faults.length > 0) return EXIT.file;
  return ok ? EXIT.fine : EXIT.no;
}

/** Every problem of a document, in the order of their places. */
export function checkContent(content: Exclude<Content, { kind: 'fault' }>): Problem[] {
  const { policy, places, problems } = parseContent(content);
  if (!policy || !places) return [...problems];
  return [
    ...problems,
    ...tableProblems(policy, places),
    ...supportProblems(policy, places, 'warning'),
    ...needProblems(policy),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
}

function needProblems(policy: Policy): Problem[] {
  const need = tableNeed([{ policyId: '', version: 1, name: '', mode: 'enforce', policy }]);
  if (need.fits) return [];
  const { selectors, responses } = NODE_LIMITS;
  const message =
    `a container can need ${need.selectors} selectors and ${need.responses} responses of it, ` +
    `the nodes of this version hold ${selectors} and ${responses}`;
  const code = 'POLICY_UNSUPPORTED';
  return [{ code, severity: 'warning', line: 1, column: 1, path: '', message }];
}
