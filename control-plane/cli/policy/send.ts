import type { ApiClient, Call } from '../api/client.js';
import { formatFrom } from '../api/formats.js';
import { idOf } from '../api/lookup.js';
import { printAnswer } from '../api/print.js';
import { RefusedError } from '../api/refusal.js';
import { optionLines, SESSION_EXITS, SESSION_HELP } from '../api/resource-commands.js';
import { openSession, SESSION_FLAGS, SESSION_TEXTS } from '../api/session.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, Failure, type Io, UsageError } from '../command.js';
import { nameOf, readDocument } from '../files.js';
import { type FileProblem, painter, printLines, problemLine, say } from '../output.js';
import { POLICIES } from '../resources/policies.js';
import { type CompiledDocument, compileDocument } from './compile.js';
import { inFile, refuse, tooLarge } from './documents.js';

const OPTIONS = optionLines([
  ['--file FILE', 'the document, or - for standard input'],
  ['-o, --output FORMAT', 'table (default), wide, json, yaml or name'],
  ['--no-headers', 'no titles above a table'],
  ...SESSION_HELP,
]);
const EXITS = `Exit codes: 0 done, 1 the document is invalid, ${SESSION_EXITS}\n`;

export const create: Command = {
  help: `bulkhead policy create NAME --file FILE [OPTIONS]

Makes a policy with its first version. The document is checked here before it is sent.

${OPTIONS}
${EXITS}`,
  run: (args, io) =>
    send(args, io, async (_client, name, { source }) => ({
      path: '/v1/policies',
      body: { name, source },
    })),
};

export const push: Command = {
  help: `bulkhead policy push POLICY --file FILE [OPTIONS]

Adds a version to a policy, by its name or id, where the document means something else than the
latest version. What runs changes only where somebody says so. The document is checked here before
it is sent.

${OPTIONS}
${EXITS}`,
  run: (args, io) =>
    send(args, io, async (client, name, { source, sha256 }) => {
      const path = `/v1/policies/${encodeURIComponent(await idOf(client, 'policy', name))}`;
      const { latestVersion } = await client.get(path);
      const latest = await client.get(`${path}/versions/${String(latestVersion)}`);
      if (latest.sha256 === sha256) {
        say(io, `version ${String(latestVersion)} of ${name} means the same: nothing was added`);
        return undefined;
      }
      return { path: `${path}/versions`, body: { source } };
    }),
};

type Posted = Pick<Call, 'path' | 'body'>;

async function send(
  args: readonly string[],
  io: Io,
  prepare: (
    client: ApiClient,
    name: string,
    document: CompiledDocument,
  ) => Promise<Posted | undefined>,
): Promise<ExitCode> {
  const read = readArguments(args, {
    flags: [...SESSION_FLAGS, 'no-headers'],
    texts: [...SESSION_TEXTS, 'file', 'output'],
    short: { o: 'output', f: 'file' },
    operands: { what: 'NAME', min: 1, max: 1 },
  });
  const path = read.texts.get('file');
  if (path === undefined) throw new UsageError('--file is missing');
  const format = formatFrom(read.texts.get('output'));
  const [name = ''] = read.operands;
  const file = nameOf(path);
  const content = await readDocument(path, io);
  if (content.kind === 'fault') throw new Failure(EXIT.file, [`${file}: ${content.message}`]);
  if (content.kind !== 'read') {
    return refuse({ problems: inFile(file, [tooLarge()]), faults: [] }, false, io);
  }
  const { compiled, problems } = compileDocument(content.bytes);
  if (!compiled) return refuse({ problems: inFile(file, problems), faults: [] }, false, io);
  tellProblems(inFile(file, problems), io);
  const client = await openSession(read, io);
  const posted = await prepare(client, name, compiled);
  if (!posted) return EXIT.fine;
  const answer = await inItsFile(file, () => client.call({ method: 'POST', ...posted }));
  const columns = posted.path.endsWith('/versions')
    ? (POLICIES.actions.find((action) => action.name === 'versions')?.columns ?? [])
    : POLICIES.columns;
  const shown = { resource: POLICIES, columns, format, headers: !read.flags.has('no-headers') };
  await printAnswer(client, answer, [answer], shown, io);
  return EXIT.fine;
}

/** A refused document's problems are told with its name. @throws Failure */
export async function inItsFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RefusedError) || error.refusal.problems.length === 0) throw error;
    const problems = error.refusal.problems.map(
      ({ line, column, severity, code, message }) =>
        `${file}:${line}:${column}: ${severity} ${code}: ${message}`,
    );
    throw new Failure(error.exit, [...problems, ...error.lines.slice(0, 1)], { cause: error });
  }
}

function tellProblems(problems: readonly FileProblem[], io: Io): void {
  const paint = painter(io, io.stderr);
  printLines(
    io.stderr,
    problems.map((problem) => problemLine(problem, paint)),
  );
}
