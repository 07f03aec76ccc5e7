import { readArguments } from '../arguments.js';
import { EXIT, type ExitCode, Failure, type Io, UsageError } from '../command.js';
import { nameOf, readDocument } from '../files.js';
import { printable, printLines, say } from '../output.js';
import type { Action, Resource, Value } from '../resources/resource.js';
import type { ApiClient, Item, Query } from './client.js';
import { confirmed } from './confirm.js';
import { formatFrom } from './formats.js';
import { idOf } from './lookup.js';
import { printAnswer, type Shown } from './print.js';
import { openSession, SESSION_FLAGS, SESSION_TEXTS } from './session.js';
import { valueFromText } from './values.js';

const DEFAULT_LIMIT = 1000;
const NUMBER = /^[1-9]\d{0,5}$/;

/** Runs a command of the table of resources. @throws UsageError, Failure */
export async function runAction(
  resource: Resource,
  action: Action,
  args: readonly string[],
  io: Io,
): Promise<ExitCode> {
  const { operand, options = [], confirm, columns = resource.columns } = action;
  const read = readArguments<string, string>(args, {
    flags: [
      ...SESSION_FLAGS,
      'no-headers',
      ...(confirm ? ['yes'] : []),
      ...(action.mayBeFrozen ? ['override-freeze'] : []),
    ],
    texts: [
      ...SESSION_TEXTS,
      'output',
      ...(action.isList ? ['limit'] : []),
      ...options.map(({ option }) => option),
    ],
    mayBeEmpty: options.filter((one) => one.mayBeEmpty).map(({ option }) => option),
    short: { o: 'output' },
    operands: { what: operand?.value ?? '', min: operand ? 1 : 0, max: operand ? 1 : 0 },
  });
  const format = formatFrom(read.texts.get('output'));
  const limit = limitFrom(read.texts.get('limit'));
  const given = givenOf(action, read.texts, read.operands);
  if (action.method === 'PATCH' && !action.body && given.length <= (operand ? 1 : 0)) {
    throw new UsageError(
      `say what to change: ${options.map((one) => `--${one.option}`).join(', ')}`,
    );
  }
  const shown: Shown = { resource, columns, format, headers: !read.flags.has('no-headers') };
  const client = await openSession(read, io);
  const request = await requestOf(client, action, given, io);
  const what = read.operands[0] ?? '';
  if (confirm && !(await confirmed(`${confirm} ${what}?`, read.flags.has('yes'), io))) {
    return EXIT.no;
  }
  if (action.isList) return list(client, request, limit, shown, io);
  if (action.isWhole) {
    const answer = await client.get(request.path);
    await printAnswer(client, answer, itemsOf(answer), shown, io);
    return EXIT.fine;
  }
  const revision = action.ifMatch ? revisionOf(await client.get(request.path)) : undefined;
  const { method } = action;
  const overrideFreeze = read.flags.has('override-freeze');
  const answer = await client.call(
    method === 'POST' || method === 'PUT' || method === 'PATCH'
      ? { method, path: request.path, body: request.body, revision, overrideFreeze }
      : { method, path: request.path, query: request.query, overrideFreeze },
  );
  return tell(client, action, answer, what, shown, io);
}

async function list(
  client: ApiClient,
  { path, query }: Request,
  limit: number,
  shown: Shown,
  io: Io,
): Promise<ExitCode> {
  const { items, nextCursor } = await client.list(path, query, limit);
  const page = { items, ...(nextCursor !== undefined && { nextCursor }) };
  await printAnswer(client, page, items, shown, io);
  if (nextCursor !== undefined) say(io, `there are more than ${limit}: see --limit`);
  return EXIT.fine;
}

function itemsOf({ items }: Item): Item[] {
  return Array.isArray(items) ? items : [];
}

async function tell(
  client: ApiClient,
  { secrets = [], after }: Action,
  answer: Item,
  what: string,
  shown: Shown,
  io: Io,
): Promise<ExitCode> {
  // An answer without a body: it is gone.
  if (Object.keys(answer).length === 0) {
    say(io, `${shown.resource.name} ${what} is gone`);
    return EXIT.fine;
  }
  await printAnswer(client, answer, [answer], shown, io);
  if (shown.format !== 'table' && shown.format !== 'wide') return EXIT.fine;
  const shownOnce = secrets.filter((field) => answer[field] !== undefined);
  const lines = shownOnce.map((field) => `${field}: ${printable(String(answer[field]))}`);
  if (lines.length > 0) {
    printLines(io.stdout, ['', ...lines, ...(after?.(answer, client.server) ?? [])]);
    say(io, 'this is shown once: keep it now');
  }
  return EXIT.fine;
}

interface Given {
  readonly key: string;
  readonly of: Value;
  readonly value: ReturnType<typeof valueFromText>;
}

/** What was said, in the forms of the API. @throws UsageError */
function givenOf(
  { operand, options = [] }: Action,
  texts: ReadonlyMap<string, string>,
  [first]: readonly string[],
): Given[] {
  const now = Date.now();
  const missing = options.find(({ option, required }) => required && !texts.has(option));
  if (missing) throw new UsageError(`--${missing.option} is missing`);
  const said = options.flatMap((one) => {
    const text = texts.get(one.option);
    if (text === undefined) return [];
    return [{ key: one.key, of: one, value: valueFromText(`--${one.option}`, text, one, now) }];
  });
  if (!operand || first === undefined) return said;
  return [{ key: operand.key, of: operand, value: first }, ...said];
}

interface Request {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Item;
}

/** Names become ids; each value goes where the route has it. */
async function requestOf(
  client: ApiClient,
  { method, path: route, body: fixed = {} }: Action,
  given: readonly Given[],
  io: Io,
): Promise<Request> {
  let path = route;
  const query: Record<string, string> = {};
  const body: Record<string, unknown> = { ...fixed };
  for (const { key, of, value } of given) {
    const within = of.of === 'node' && query.clusterId ? { clusterId: query.clusterId } : {};
    const sent = await sentOf(client, of, value, within, io);
    const inPath = `:${key}`;
    if (path.includes(inPath)) path = path.replace(inPath, () => encodeURIComponent(String(sent)));
    else if (method === 'GET' || method === 'DELETE') query[key] = String(sent);
    else put(body, key, sent);
  }
  return { path, query, body };
}

async function sentOf(
  client: ApiClient,
  { of, as }: Value,
  value: Given['value'],
  within: Query,
  io: Io,
): Promise<unknown> {
  if (of) return idOf(client, of, String(value), within);
  if (as === 'secret') return readSecret(String(value), io);
  return as === 'document' ? readYaml(String(value), io) : value;
}

/** `a.b` is b of the object a. */
function put(body: Record<string, unknown>, key: string, value: unknown): void {
  const [first = '', rest] = key.split('.');
  if (rest === undefined) body[first] = value;
  else body[first] = { ...(body[first] as object), [rest]: value };
}

/** @throws Failure */
async function readYaml(path: string, io: Io): Promise<unknown> {
  const text = await readText(path, io);
  const { parse } = await import('yaml');
  try {
    return parse(text);
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw fileFailure(path, message);
  }
}

/** As editors and `echo` write it: with the end of a line behind it. @throws Failure */
async function readSecret(path: string, io: Io): Promise<string> {
  return (await readText(path, io)).replace(/\r?\n$/, '');
}

/** @throws Failure */
async function readText(path: string, io: Io): Promise<string> {
  const content = await readDocument(path, io);
  if (content.kind === 'fault') throw fileFailure(path, content.message);
  if (content.kind === 'tooLarge') throw fileFailure(path, 'it is too large');
  return Buffer.from(content.bytes).toString('utf8');
}

function fileFailure(path: string, message: string): Failure {
  return new Failure(EXIT.file, [`${nameOf(path)}: ${message}`]);
}

function revisionOf({ revision }: Item): number | undefined {
  return typeof revision === 'number' ? revision : undefined;
}

function limitFrom(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (!NUMBER.test(text)) throw new UsageError('--limit is a number from 1 to 999999');
  return Number(text);
}
