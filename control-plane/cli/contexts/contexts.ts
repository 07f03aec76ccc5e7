import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { EXIT, Failure, type Io } from '../command.js';
import { describeFileError } from '../files.js';
import { replaceFile } from '../replace-file.js';

/** A control plane by a name of the user's own. */
export interface Context {
  readonly name: string;
  readonly server: string;
  readonly caFile?: string | undefined;
  /** http to another machine was asked for. */
  readonly insecureHttp?: boolean | undefined;
  /** undefined: logged out. */
  readonly apiKey?: string | undefined;
}

export interface Contexts {
  readonly current: string | undefined;
  readonly contexts: readonly Context[];
}

const MAX_BYTES = 1024 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const NONE: Contexts = { current: undefined, contexts: [] };

export function isContextName(text: string): boolean {
  return NAME.test(text);
}

/** None where there is no file. @throws Failure where it is not ours alone, or malformed */
export async function readContexts({ settings: { contextFile } }: Io): Promise<Contexts> {
  return (await load(contextFile))?.contexts ?? NONE;
}

/** Changes them in the file: whole or not at all, readable by its owner only. @throws Failure */
export async function changeContexts(
  io: Io,
  change: (contexts: Contexts) => Contexts,
): Promise<void> {
  const { contextFile } = io.settings;
  const { stringify } = await import('yaml');
  const loaded = await load(contextFile);
  const { current, contexts } = change(loaded?.contexts ?? NONE);
  const text = stringify({ ...(current !== undefined && { current }), contexts });
  const after = new TextEncoder().encode(text);
  const before = loaded?.bytes ?? (await create(contextFile));
  const refusal = await io.whole(() => replaceFile(contextFile, before, after));
  if (refusal !== undefined) throw fault(contextFile, refusal);
}

interface Loaded {
  readonly bytes: Uint8Array;
  readonly contexts: Contexts;
}

async function load(path: string): Promise<Loaded | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readOwn(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault(path, describeFileError(error));
  }
  const { parse } = await import('yaml');
  try {
    return { bytes, contexts: contextsFromYaml(parse(Buffer.from(bytes).toString('utf8'))) };
  } catch {
    // The text of an error would repeat the line, which may be the one with the key.
    throw fault(path, 'it is not what "bulkhead login" writes: mend it, or remove it');
  }
}

/** @throws Failure where others may read or change it */
async function readOwn(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { mode, uid, size } = await file.stat();
    if (uid !== process.getuid?.()) throw fault(path, 'it belongs to another user');
    if ((mode & 0o077) !== 0) {
      throw fault(path, `others may read it, and it holds API keys: chmod 600 ${path}`);
    }
    if (size > MAX_BYTES) throw fault(path, 'it is too large');
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** An empty file, to be replaced. @throws Failure */
async function create(path: string): Promise<Uint8Array> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { O_CREAT, O_EXCL, O_WRONLY } = constants;
    await (await open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600)).close();
  } catch (error) {
    throw fault(path, describeFileError(error));
  }
  return new Uint8Array();
}

/** @throws Error where anything is not as it is written here */
function contextsFromYaml(value: unknown): Contexts {
  if (value === null) return NONE;
  const { current, contexts, ...more } = recordOf(value);
  if (!Array.isArray(contexts) || Object.keys(more).length > 0) throw new Error();
  const list = contexts.map(contextFromYaml);
  if (new Set(list.map(({ name }) => name)).size < list.length) throw new Error();
  return { current: optional(current, isText), contexts: list };
}

function contextFromYaml(value: unknown): Context {
  const { name, server, caFile, insecureHttp, apiKey, ...more } = recordOf(value);
  const isName = (text: unknown): text is string => isText(text) && isContextName(text);
  if (Object.keys(more).length > 0 || !isName(name) || !isText(server)) throw new Error();
  const isPath = (text: unknown): text is string => isText(text) && isAbsolute(text);
  const isFlag = (flag: unknown): flag is boolean => typeof flag === 'boolean';
  return {
    name,
    server,
    caFile: optional(caFile, isPath),
    insecureHttp: optional(insecureHttp, isFlag),
    apiKey: optional(apiKey, isText),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error();
  return value as Readonly<Record<string, unknown>>;
}

function optional<T>(value: unknown, is: (value: unknown) => value is T): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (!is(value)) throw new Error();
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function fault(path: string, message: string): Failure {
  return new Failure(EXIT.file, [`${path}: ${message}`]);
}
