import { checkOneStdin, readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io } from '../command.js';
import { count, type Paint, painter, printable, printJson, printLines, say } from '../output.js';
import { type Coverage, CoverageCounter } from './coverage.js';
import { isRefused, loadPolicies, refuse, together } from './documents.js';
import { explainLines } from './explain-text.js';
import { Judge, type Judgement, type OperationExplained, refusalOf } from './judge.js';
import { readTests, type TestCase } from './read-tests.js';
import { loadSideDocument } from './side-document.js';

const HELP = `bulkhead policy test [--coverage] [--json] FILE... TESTS

Runs the cases of a tests document against policies, and explains those that fail. Prints TAP.

  FILE         policies, judged together: files, folders, or - for standard input
  TESTS        the tests document, YAML or JSON:

    cases:
      - name: a drifted binary does not run
        event: {operation: exec, executable: /tmp/x, origin: writable}
        container: {podNamespace: prod}        # left out: nothing is known of it
        mode: enforce                          # or observe; enforce where it is left out
        expect: {verdict: denied, actions: [alert, block], responses: [[drifted]]}

               A case expects one of the three or more: the verdict (allowed, denied, would_block,
               undecided), the actions, and of each response that fires the selectors it matches
  --coverage   also tell which selectors match and which responses fire in no case
  --json       one JSON document instead

Events and containers are written as for "bulkhead policy explain".
Exit codes: 0 all passed, 1 a case failed or a document is invalid, 2 usage, 3 a file could not
be read.
`;

export const test: Command = { help: HELP, run };

interface CaseResult {
  readonly test: TestCase;
  readonly actual: Judgement;
  /** What is not as expected. */
  readonly differences: readonly string[];
  readonly explained: readonly OperationExplained[];
}

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, operands } = readArguments(args, {
    flags: ['coverage', 'json'],
    texts: [],
    operands: { what: 'FILE and TESTS', min: 2, max: Number.POSITIVE_INFINITY },
  });
  checkOneStdin(operands);
  const json = flags.has('json');
  const testsPath = operands.at(-1) ?? '';
  const loaded = await loadPolicies(operands.slice(0, -1), io);
  const tests = await loadSideDocument(testsPath, io, readTests);
  if ('faults' in tests) return refuse(together([loaded, tests]), json, io);
  if (isRefused(loaded)) return refuse(loaded, json, io);
  try {
    const judge = new Judge(loaded.policies);
    const results = tests.map((one) => runCase(one, judge, flags.has('coverage')));
    const counter = new CoverageCounter(loaded.policies);
    for (const { explained } of results) counter.add(explained);
    const coverage = flags.has('coverage') ? counter.result() : undefined;
    return report(results, coverage, judge, json, io);
  } catch (error) {
    const refusal = refusalOf(error, loaded.policies);
    if (!refusal) throw error;
    return refuse(refusal, json, io);
  }
}

function runCase(test: TestCase, judge: Judge, explainAll: boolean): CaseResult {
  const actual = judge.judge(test);
  const { expect } = test;
  const differences: string[] = [];
  if (expect.verdict !== undefined && expect.verdict !== actual.verdict) {
    differences.push(`verdict: expected ${expect.verdict}, is ${actual.verdict}`);
  }
  const compare = (what: string, wanted: readonly string[] | undefined, is: readonly string[]) => {
    if (wanted === undefined || sameSet(wanted, is)) return;
    differences.push(`${what}: expected ${list(wanted)}, is ${list(is)}`);
  };
  compare('actions', expect.actions, actual.actions);
  compare('responses', expect.responses?.map(namesText), actual.fired.map(namesOf));
  const explained = explainAll || differences.length > 0 ? judge.explain(test) : [];
  return { test, actual, differences, explained };
}

function report(
  results: readonly CaseResult[],
  coverage: Coverage | undefined,
  judge: Judge,
  json: boolean,
  io: Io,
): ExitCode {
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  const passed = results.length - failed;
  if (json) {
    const cases = results.map(({ test, actual, differences }) => ({
      name: test.name,
      line: test.line,
      ok: differences.length === 0,
      verdict: actual.verdict,
      actions: actual.actions,
      responses: actual.fired.map(({ selectors }) => selectors),
      differences,
    }));
    const ok = failed === 0;
    printJson(io.stdout, { ok, passed, failed, cases, coverage, problems: [], faults: [] });
  } else {
    const paint = painter(io, io.stdout);
    const lines = results.flatMap((one, at) => caseLines(one, at + 1, judge, paint));
    printLines(io.stdout, ['TAP version 14', `1..${results.length}`, ...lines]);
    printLines(io.stdout, coverage ? coverageLines(coverage) : []);
    say(io, `${count(results.length, 'case')}, ${passed} passed, ${failed} failed`);
  }
  return failed === 0 ? EXIT.fine : EXIT.no;
}

function caseLines(
  { test, differences, explained }: CaseResult,
  number: number,
  judge: Judge,
  paint: Paint,
): string[] {
  // TAP: a # would begin a directive.
  const name = printable(test.name).replaceAll(/[\\#]/g, '\\$&');
  const what = `${number} - ${name}`;
  if (differences.length === 0) return [`${paint('green', 'ok')} ${what}`];
  const why = explained.flatMap((one) => ['', ...explainLines(test, one, judge, paint)]);
  const comments = [`line ${test.line}`, ...differences.map(printable), ...why];
  const commented = comments.map((line) => `  # ${line}`.trimEnd());
  return [`${paint('red', 'not ok')} ${what}`, ...commented];
}

function coverageLines({ selectors, responses, missed }: Coverage): string[] {
  const share = ({ reached, of }: Coverage['selectors']) => `${reached} of ${of}`;
  return [
    `# coverage: ${share(selectors)} selectors match, ${share(responses)} responses fire`,
    ...missed.map(({ file, line, kind, names }) => {
      const what = kind === 'selector' ? 'never matches' : 'never fires';
      return `# ${printable(file)}:${line}: ${kind} ${names.join(', ')} ${what}`;
    }),
  ];
}

function namesOf({ selectors }: { readonly selectors: readonly string[] }): string {
  return namesText(selectors);
}

function namesText(names: readonly string[]): string {
  return `[${[...names].sort().join(', ')}]`;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).size === new Set(b).size && a.every((one) => b.includes(one));
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'none' : words.join(', ');
}
