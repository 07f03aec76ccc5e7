import type { Policy, SectionName } from '../../../proto/ts/policy/model.js';
import { type ParsedPolicy, parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { Place, PolicyPlaces } from '../../../proto/ts/policy/places.js';
import type { Problem } from '../../../proto/ts/policy/problems.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { EXIT, type ExitCode, type Io } from '../command.js';
import { type Content, findFiles, nameOf, readDocument } from '../files.js';
import {
  type FileFault,
  type FileProblem,
  painter,
  printJson,
  printLines,
  problemLine,
  sayFaults,
} from '../output.js';

export interface LoadedPolicy {
  /** As it is named in what is printed. */
  readonly file: string;
  readonly policy: Policy;
  readonly places: PolicyPlaces;
}

/** Why a command cannot answer. */
export interface Refused {
  readonly problems: readonly FileProblem[];
  readonly faults: readonly FileFault[];
}

export interface LoadedPolicies extends Refused {
  readonly policies: readonly LoadedPolicy[];
}

/** Reads policies for a command that needs valid ones; warnings are not its business. */
export async function loadPolicies(paths: readonly string[], io: Io): Promise<LoadedPolicies> {
  const { files, faults } = await findFiles(paths);
  const loaded: LoadedPolicies[] = [{ policies: [], problems: [], faults }];
  for (const file of files) loaded.push(await loadPolicy(file, io));
  return { ...together(loaded), policies: loaded.flatMap(({ policies }) => policies) };
}

/** The same of one file. */
export async function loadPolicy(path: string, io: Io): Promise<LoadedPolicies> {
  const file = nameOf(path);
  const content = await readDocument(path, io);
  if (content.kind === 'fault') {
    return { policies: [], problems: [], faults: [{ file, message: content.message }] };
  }
  const { policy, places, problems } = parseContent(content);
  if (!policy || !places) return { policies: [], problems: inFile(file, problems), faults: [] };
  return { policies: [{ file, policy, places }], problems: [], faults: [] };
}

/** Reads a policy out of what was read of a file. */
export function parseContent(content: Exclude<Content, { kind: 'fault' }>): ParsedPolicy {
  return content.kind === 'read' ? parsePolicy(content.bytes) : { problems: [tooLarge()] };
}

export function tooLarge(): Problem {
  const message = `the document has more than ${LIMITS.policyDocumentBytes} bytes`;
  return { code: 'POLICY_TOO_LARGE', severity: 'error', line: 1, column: 1, path: '', message };
}

export function inFile(file: string, problems: readonly Problem[]): FileProblem[] {
  return problems.map((problem) => ({ file, ...problem }));
}

/** Where a response stands in its file. */
export function placeOfResponse(
  { places }: LoadedPolicy,
  section: SectionName,
  response: number,
): Place | undefined {
  return places[section]?.responses[response];
}

/** All that is refused of several documents. */
export function together(parts: readonly Refused[]): Refused {
  return {
    problems: parts.flatMap(({ problems }) => problems),
    faults: parts.flatMap(({ faults }) => faults),
  };
}

export function isRefused({ problems, faults }: Refused): boolean {
  return problems.length > 0 || faults.length > 0;
}

/** Says why a command cannot answer. */
export function refuse({ problems, faults }: Refused, json: boolean, io: Io): ExitCode {
  if (json) printJson(io.stdout, { ok: false, problems, faults });
  const paint = painter(io, io.stderr);
  printLines(
    io.stderr,
    problems.map((problem) => problemLine(problem, paint)),
  );
  sayFaults(io, faults);
  return faults.length > 0 ? EXIT.file : EXIT.no;
}
