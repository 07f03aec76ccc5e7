import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { ApiClient } from '../api/client.js';
import { idOf } from '../api/lookup.js';
import { optionLines, SESSION_EXITS, SESSION_HELP } from '../api/resource-commands.js';
import { openSession, SESSION_FLAGS, SESSION_TEXTS } from '../api/session.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, Failure, UsageError } from '../command.js';
import { tellDiff } from './diff.js';
import { isRefused, type LoadedPolicy, loadPolicy, refuse } from './documents.js';

export const compare: Command = {
  help: `bulkhead policy compare POLICY [OPTIONS]

Tells how two versions of a policy, by its name or id, differ in what they do, or a version and a
file, as "bulkhead policy diff" tells it of files.

${optionLines([
  ['--from NUMBER', 'this version before (default: the latest but one; with --file the latest)'],
  ['--to NUMBER', 'this version after (default: the latest)'],
  ['--file FILE', 'this document after, or - for standard input'],
  ['--exit-code', 'answer 1 where they differ, or where it could not be told that they do not'],
  ['--json', 'one JSON document instead'],
  ...SESSION_HELP,
])}
Exit codes: 0 compared, 1 they differ (--exit-code) or the file is invalid,
${SESSION_EXITS}
`,
  run: async (args, io) => {
    const read = readArguments(args, {
      flags: [...SESSION_FLAGS, 'exit-code', 'json'],
      texts: [...SESSION_TEXTS, 'from', 'to', 'file'],
      short: { f: 'file' },
      operands: { what: 'POLICY', min: 1, max: 1 },
    });
    const [from, to] = [versionFrom('--from', read.texts), versionFrom('--to', read.texts)];
    const file = read.texts.get('file');
    if (file !== undefined && to !== undefined) {
      throw new UsageError('--to and --file exclude each other');
    }
    const json = read.flags.has('json');
    const loaded = file === undefined ? undefined : await loadPolicy(file, io);
    if (loaded && isRefused(loaded)) return refuse(loaded, json, io);
    const client = await openSession(read, io);
    const [name = ''] = read.operands;
    const path = `/v1/policies/${encodeURIComponent(await idOf(client, 'policy', name))}`;
    const latest = to ?? Number((await client.get(path)).latestVersion);
    const first = from ?? (loaded ? latest : latest - 1);
    if (first < 1) throw new Failure(EXIT.refused, [`policy ${name} has one version only`]);
    const before = await versionOf(client, path, name, first);
    const after = loaded?.policies[0] ?? (await versionOf(client, path, name, latest));
    return tellDiff(before, after, { exitCode: read.flags.has('exit-code'), json }, io);
  },
};

function versionFrom(
  option: '--from' | '--to',
  texts: ReadonlyMap<string, string>,
): number | undefined {
  const text = texts.get(option.slice(2));
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${option} is a number from 1`);
  return Number(text);
}

async function versionOf(
  client: ApiClient,
  path: string,
  name: string,
  version: number,
): Promise<LoadedPolicy> {
  const { source } = await client.get(`${path}/versions/${version}`);
  const { policy, places } = parsePolicy(String(source));
  if (policy && places) return { file: `${name}@${version}`, policy, places };
  throw new Failure(EXIT.no, [`version ${version} of ${name} is none that this program can read`]);
}
