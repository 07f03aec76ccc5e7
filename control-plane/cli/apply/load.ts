import { ProblemList } from '../../../proto/ts/policy/problem-list.js';
import type { Problem } from '../../../proto/ts/policy/problems.js';
import { readText } from '../../../proto/ts/policy/source-text.js';
import type { Item } from '../../../proto/ts/policy/yaml-document.js';
import type { Io } from '../command.js';
import { findFiles, nameOf, readDocument } from '../files.js';
import type { FileFault, FileProblem } from '../output.js';
import { inFile, type Refused, tooLarge } from '../policy/documents.js';
import { readSideDocument } from '../policy/side-document.js';
import type { Declared, DeclaredWebhook, Origin } from './declared.js';
import { type DocumentText, splitDocuments } from './documents.js';
import { isSameFile, pathFrom, policyInFile, policyInside } from './policy-spec.js';
import { readManifest, type Source, type WebhookSpec } from './read-manifest.js';

export interface LoadedManifests extends Refused {
  readonly declared: readonly Declared[];
}

/** What is read of one place, with all that is wrong there. */
interface Part extends LoadedManifests {
  /** Files that documents name: these are no manifests themselves. */
  readonly named: readonly string[];
}

/** Reads every document of files and folders; all that is wrong with any of them is told at once. */
export async function loadManifests(paths: readonly string[], io: Io): Promise<LoadedManifests> {
  const found = await findFiles(paths);
  const parts = new Map<string, Part>();
  for (const path of found.files) parts.set(path, await loadFile(path, io));
  const named = [...parts.values()].flatMap((part) => part.named);
  const kept = [...parts].filter(([path]) => !named.some((one) => isSameFile(one, path)));
  const all = kept.map(([, part]) => part);
  const declared = all.flatMap((part) => part.declared);
  return {
    declared,
    problems: [...all.flatMap(({ problems }) => problems), ...doubles(declared)],
    faults: [...found.faults, ...all.flatMap(({ faults }) => faults)],
  };
}

async function loadFile(path: string, io: Io): Promise<Part> {
  const file = nameOf(path);
  const content = await readDocument(path, io);
  const refused = (problems: readonly Problem[], faults: readonly FileFault[] = []): Part => ({
    declared: [],
    named: [],
    problems: inFile(file, problems),
    faults,
  });
  if (content.kind === 'fault') return refused([], [{ file, message: content.message }]);
  if (content.kind === 'tooLarge') return refused([tooLarge()]);
  const problems = new ProblemList();
  const text = readText(content.bytes, problems);
  if (text === undefined || problems.hasErrors) return refused(problems.toArray());
  const parts: Part[] = [];
  for (const document of splitDocuments(text)) parts.push(await loadDocument(path, document, io));
  return {
    declared: parts.flatMap((part) => part.declared),
    named: parts.flatMap((part) => part.named),
    problems: parts.flatMap((part) => part.problems),
    faults: parts.flatMap((part) => part.faults),
  };
}

async function loadDocument(path: string, { text, line }: DocumentText, io: Io): Promise<Part> {
  const file = nameOf(path);
  let origin: Origin = { file, line, column: 1 };
  const read = readSideDocument(text, (document) => {
    const manifest = readManifest(document);
    if (manifest) origin = { ...origin, line: document.lineOf(manifest.root) + line - 1 };
    return manifest;
  });
  const problems = inFile(file, read.problems).map((one) => ({
    ...one,
    line: one.line + line - 1,
  }));
  const nothing: Part = { declared: [], named: [], problems, faults: [] };
  const manifest = read.value;
  if (!manifest || problems.length > 0) return nothing;
  const { name, spec } = manifest;
  const common = { name, origin };
  switch (spec.kind) {
    case 'Cluster':
    case 'Assignment':
      return { ...nothing, declared: [{ ...common, ...spec }] };
    case 'Webhook':
      return loadWebhook(path, spec, common, io);
    case 'Policy':
      return 'file' in spec
        ? loadPolicyFile(path, spec.file, common, io)
        : loadPolicyInside(file, { text, line }, spec.inside, common);
  }
}

interface Common {
  readonly name: string;
  readonly origin: Origin;
}

function loadPolicyInside(
  file: string,
  { text, line }: DocumentText,
  { node }: Item,
  common: Common,
): Part {
  const [at = 0, , end = text.length] = node?.range ?? [];
  const { policy, problems } = policyInside(file, text, { at, end, line });
  const declared: Declared[] = policy ? [{ kind: 'Policy', ...common, ...policy }] : [];
  return { declared, named: [], problems: errorsIn(file, problems), faults: [] };
}

async function loadPolicyFile(path: string, named: string, common: Common, io: Io): Promise<Part> {
  const { file, policy, problems, fault } = await policyInFile(path, named, io);
  const declared: Declared[] = policy ? [{ kind: 'Policy', ...common, ...policy }] : [];
  const faults = fault === undefined ? [] : [{ file, message: fault }];
  return { declared, named: [file], problems: errorsIn(file, problems), faults };
}

/** Warnings are for "bulkhead policy validate". */
function errorsIn(file: string, problems: readonly Problem[]): FileProblem[] {
  return inFile(
    file,
    problems.filter(({ severity }) => severity === 'error'),
  );
}

async function loadWebhook(
  path: string,
  { kind, url, enabled, secretFile }: WebhookSpec,
  common: Common,
  io: Io,
): Promise<Part> {
  const { text, from, fault } = await textOf(path, url, io);
  const faults = fault === undefined ? [] : [{ file: common.origin.file, message: fault }];
  const webhook: DeclaredWebhook = {
    kind,
    ...common,
    url: text,
    urlFrom: from,
    enabled,
    secretFile: secretFile === undefined ? undefined : pathFrom(path, secretFile),
  };
  return { declared: faults.length > 0 ? [] : [webhook], named: [], problems: [], faults };
}

async function textOf(
  path: string,
  source: Source,
  io: Io,
): Promise<{ readonly text: string; readonly from?: string; readonly fault?: string }> {
  if ('text' in source) return { text: source.text };
  if ('variable' in source) {
    const { variable } = source;
    const text = io.variable(variable) ?? '';
    const from = `environment variable ${variable}`;
    return text === '' ? { text, fault: `${from} is not set` } : { text, from };
  }
  const file = pathFrom(path, source.file);
  const content = await readDocument(file, io);
  const fault = (message: string) => ({ text: '', fault: `${file}: ${message}` });
  if (content.kind === 'fault') return fault(content.message);
  if (content.kind === 'tooLarge') return fault('it is too large');
  const text = Buffer.from(content.bytes).toString('utf8').trim();
  return text === '' ? fault('it is empty') : { text, from: `file ${file}` };
}

function doubles(declared: readonly Declared[]): FileProblem[] {
  const first = new Map<string, Origin>();
  return declared.flatMap(({ kind, name, origin }) => {
    const before = first.get(`${kind} ${name}`);
    if (!before) {
      first.set(`${kind} ${name}`, origin);
      return [];
    }
    const message = `${kind} ${name} stands at ${before.file}:${before.line} already`;
    const code = 'POLICY_DUPLICATE_NAME' as const;
    return [{ ...origin, code, severity: 'error' as const, path: '', message }];
  });
}
