import { encodePolicy } from '../../../proto/ts/policy/canonical.js';
import { formatPolicy } from '../../../proto/ts/policy/format.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { ProblemList } from '../../../proto/ts/policy/problem-list.js';
import type { Problem } from '../../../proto/ts/policy/problems.js';
import { readText } from '../../../proto/ts/policy/source-text.js';
import { unifiedDiff } from '../../domain/unified-diff.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from '../command.js';
import { findFiles, nameOf, readDocument } from '../files.js';
import {
  type FileFault,
  type FileProblem,
  painter,
  printable,
  printJson,
  printLines,
  problemLine,
  sayFaults,
} from '../output.js';
import { startProgress } from '../progress.js';
import { replaceFile } from '../replace-file.js';
import { inFile, tooLarge } from './documents.js';

const HELP = `bulkhead policy fmt [--write | --check] [--diff] [--json] FILE...

Lays policy documents out in the one canonical way: two spaces, keys in the order of the language,
short lists in one line. Comments, the order of lists and the meaning stay. Prints the documents.

  FILE           a file, a folder (every *.yaml and *.yml below it), or - for standard input
  -w, --write    rewrite the files that change, and print their names
  --check        print the names of files that would change
  --diff         print what changes, in the unified format
  --json         one JSON document instead

Exit codes: 0 done; 1 a file is no YAML document, or would change (--check); 2 usage; 3 a file
could not be read or written.
`;

export const fmt: Command = { help: HELP, run };

interface Formatted {
  readonly path: string;
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
}

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, operands } = readArguments(args, {
    flags: ['write', 'check', 'diff', 'json'],
    texts: [],
    short: { w: 'write' },
    operands: { what: 'FILE', min: 1, max: Number.POSITIVE_INFINITY },
  });
  const write = flags.has('write');
  const check = flags.has('check');
  if (write && check) throw new UsageError('--write and --check exclude each other');
  if (write && operands.includes('-')) throw new UsageError('standard input cannot be rewritten');
  const found = await findFiles(operands);
  const faults: FileFault[] = [...found.faults];
  const problems: FileProblem[] = [];
  const results: (Formatted & { written: boolean })[] = [];
  const progress = startProgress(io, found.files.length);
  for (const path of found.files) {
    progress.step(nameOf(path));
    const formatted = await formatFile(path, io);
    if ('message' in formatted) faults.push(formatted);
    else if ('problems' in formatted) problems.push(...formatted.problems);
    else {
      const message = write && formatted.changed ? await rewrite(formatted, io) : undefined;
      if (message !== undefined) faults.push({ file: formatted.file, message });
      const written = write && formatted.changed && message === undefined;
      results.push({ ...formatted, written });
    }
  }
  progress.end();
  const changed = results.filter((one) => one.changed);
  const code =
    faults.length > 0
      ? EXIT.file
      : problems.length > 0 || (check && changed.length > 0)
        ? EXIT.no
        : EXIT.fine;
  if (flags.has('json')) {
    const files = results.map((one) => ({
      file: one.file,
      changed: one.changed,
      written: one.written,
      ...(flags.has('diff') && { diff: diffOf(one) }),
      ...(!write && !check && !flags.has('diff') && { text: one.after }),
    }));
    printJson(io.stdout, { ok: code === EXIT.fine, files, problems, faults });
  } else {
    const names = write ? results.filter(({ written }) => written) : changed;
    if (flags.has('diff')) for (const one of changed) io.stdout.write(diffOf(one));
    else if (!write && !check) for (const { after } of results) io.stdout.write(after);
    if (write || (check && !flags.has('diff'))) {
      printLines(
        io.stdout,
        names.map(({ file }) => printable(file)),
      );
    }
  }
  const paint = painter(io, io.stderr);
  printLines(
    io.stderr,
    problems.map((problem) => problemLine(problem, paint)),
  );
  sayFaults(io, faults);
  return code;
}

async function formatFile(
  path: string,
  io: Io,
): Promise<Formatted | FileFault | { readonly problems: readonly FileProblem[] }> {
  const file = nameOf(path);
  const content = await readDocument(path, io);
  if (content.kind === 'fault') return { file, message: content.message };
  const refused = (problems: readonly Problem[]) => ({ problems: inFile(file, problems) });
  if (content.kind === 'tooLarge') return refused([tooLarge()]);
  const problems = new ProblemList();
  const before = readText(content.bytes, problems);
  if (before === undefined) return refused(problems.toArray());
  const formatted = formatPolicy(before);
  if (!formatted.ok) return refused(formatted.problems);
  const after = formatted.text;
  if (!meanTheSame(content.bytes, after)) {
    return { file, message: 'formatting would change its meaning: please report this' };
  }
  const changed = !Buffer.from(after).equals(content.bytes);
  return { path, file, bytes: content.bytes, before, after, changed };
}

/** Guards files against faults of the formatter; an invalid policy means nothing. */
function meanTheSame(before: Uint8Array, after: string): boolean {
  const old = parsePolicy(before).policy;
  if (!old) return true;
  const now = parsePolicy(after).policy;
  return now !== undefined && Buffer.from(encodePolicy(old)).equals(encodePolicy(now));
}

function rewrite({ path, bytes, after }: Formatted, io: Io): Promise<string | undefined> {
  return io.whole(() => replaceFile(path, bytes, new TextEncoder().encode(after)));
}

function diffOf({ file, before, after }: Formatted): string {
  return unifiedDiff(printable(file), before, after);
}
