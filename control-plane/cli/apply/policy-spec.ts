import { dirname, resolve } from 'node:path';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { Problem } from '../../../proto/ts/policy/problems.js';
import type { Io } from '../command.js';
import { readDocument } from '../files.js';
import { compileDocument } from '../policy/compile.js';
import { type LoadedPolicy, tooLarge } from '../policy/documents.js';

/** A policy as it stands in a document, or in a file of its own. */
export interface ReadPolicy {
  readonly source: string;
  readonly sha256: string;
  readonly loaded: LoadedPolicy;
}

interface PolicyResult {
  /** undefined: the problems or the fault say why. */
  readonly policy: ReadPolicy | undefined;
  readonly problems: readonly Problem[];
}

/**
 * A policy inside of a document: `text` from `at` to `end`. It is read where it stands, with nothing
 * but white space before it, so that its places are those of the file, whose line `line` is the first.
 */
export function policyInside(
  file: string,
  text: string,
  { at, end, line }: { readonly at: number; readonly end: number; readonly line: number },
): PolicyResult {
  const before = text.slice(0, at);
  const lines = before.split('\n');
  const column = lines.at(-1)?.length ?? 0;
  const padding = '\n'.repeat(line + lines.length - 2);
  const body = `${' '.repeat(column)}${text.slice(at, end)}`;
  const placed = compileAt(file, `${padding}${body}`);
  if (!placed.policy) return placed;
  // What is sent looks as a document of its own does.
  const outdented = body.replaceAll(new RegExp(`^ {1,${column}}`, 'gm'), '');
  const same = compileDocument(new TextEncoder().encode(outdented)).compiled;
  const source = same?.sha256 === placed.policy.sha256 ? outdented : body;
  return { ...placed, policy: { ...placed.policy, source: `${source.trimEnd()}\n` } };
}

/** A policy in the file that a document names, from the folder of `manifest`. */
export async function policyInFile(
  manifest: string,
  name: string,
  io: Io,
): Promise<PolicyResult & { readonly file: string; readonly fault?: string }> {
  const file = manifest === '-' ? name : pathFrom(manifest, name);
  const content = await readDocument(file, io);
  if (content.kind === 'fault') {
    return { file, policy: undefined, problems: [], fault: content.message };
  }
  if (content.kind === 'tooLarge') return { file, policy: undefined, problems: [tooLarge()] };
  return { file, ...compileAt(file, content.bytes) };
}

/** A path that a document names, from where the document stands. */
export function pathFrom(manifest: string, name: string): string {
  const folder = dirname(manifest);
  // Relative paths stay so in what is printed.
  return name.startsWith('/') || folder === '.' ? name : `${folder}/${name}`;
}

/** Whether two paths are of one file. */
export function isSameFile(a: string, b: string): boolean {
  return a !== '-' && b !== '-' && resolve(a) === resolve(b);
}

function compileAt(file: string, document: string | Uint8Array): PolicyResult {
  const bytes = typeof document === 'string' ? new TextEncoder().encode(document) : document;
  const { compiled, problems } = compileDocument(bytes);
  const { policy, places } = parsePolicy(bytes);
  if (!compiled || !policy || !places) return { policy: undefined, problems };
  const { source, sha256 } = compiled;
  return { policy: { source, sha256, loaded: { file, policy, places } }, problems };
}
