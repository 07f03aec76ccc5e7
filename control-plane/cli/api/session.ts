import { readFile } from 'node:fs/promises';
import { didYouMean } from '../arguments.js';
import { EXIT, Failure, type Io, UsageError } from '../command.js';
import { type Context, type Contexts, readContexts } from '../contexts/contexts.js';
import { describeFileError } from '../files.js';
import { say } from '../output.js';
import { ApiClient } from './client.js';
import { apiKeyFromText, serverFromText, type Target } from './target.js';

/** The options of every command that asks a control plane. */
export const SESSION_FLAGS = ['insecure-http'] as const;
export const SESSION_TEXTS = ['context', 'server', 'ca-file', 'timeout'] as const;
/** As they were read, among those of a command. */
export interface SessionArguments {
  readonly flags: Pick<ReadonlySet<(typeof SESSION_FLAGS)[number]>, 'has'>;
  readonly texts: Pick<ReadonlyMap<(typeof SESSION_TEXTS)[number], string>, 'get'>;
}

const TIMEOUT_S = 30;

/** A client of the control plane that is meant. @throws Failure, UsageError */
export async function openSession(args: SessionArguments, io: Io): Promise<ApiClient> {
  const timeoutMs = timeoutFrom(args.texts.get('timeout'));
  const onRetry = io.stderr.isTerminal
    ? (why: string) => say(io, `${why}; trying again`)
    : undefined;
  return new ApiClient(await targetOf(args, io), { timeoutMs, onRetry });
}

/**
 * Options go before the environment, that before the file, and what is found first tells all of it:
 * a key is only ever sent to the server that it is kept with.
 */
async function targetOf({ flags, texts }: SessionArguments, io: Io): Promise<Target> {
  const { settings } = io;
  const insecure = flags.has('insecure-http');
  const name = texts.get('context');
  const server = texts.get('server');
  if (name !== undefined && server !== undefined) {
    throw new UsageError('--context and --server exclude each other');
  }
  const caFile = texts.get('ca-file') ?? settings.caFile;
  const address = server ?? (name === undefined ? settings.server : undefined);
  if (address !== undefined) {
    if (settings.apiKey === undefined) {
      throw new UsageError('set BULKHEAD_API_KEY to the API key for this server');
    }
    return {
      server: serverFromText(address, insecure),
      apiKey: apiKeyFromText(settings.apiKey),
      ca: await readCa(caFile),
    };
  }
  const context = contextOf(await readContexts(io), name ?? settings.context);
  if (context.apiKey === undefined) {
    throw new Failure(EXIT.usage, [
      `you are logged out of ${context.name}: bulkhead login --context ${context.name} --server ${context.server}`,
    ]);
  }
  return {
    server: serverFromText(context.server, insecure || context.insecureHttp === true),
    apiKey: apiKeyFromText(context.apiKey),
    ca: await readCa(texts.get('ca-file') ?? context.caFile),
  };
}

/** The one of that name, else the current one. @throws Failure */
export function contextOf({ current, contexts }: Contexts, name = current): Context {
  if (name === undefined) {
    throw new Failure(EXIT.usage, [
      'no control plane is named: bulkhead login --server URL, or set BULKHEAD_SERVER and BULKHEAD_API_KEY',
    ]);
  }
  const found = contexts.find((context) => context.name === name);
  if (found) return found;
  const hint = didYouMean(
    name,
    contexts.map((context) => context.name),
  );
  throw new Failure(EXIT.usage, [`there is no context ${name}${hint}`]);
}

/** @throws Failure */
export async function readCa(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure(EXIT.file, [`${path}: ${describeFileError(error)}`]);
  }
}

/** @throws UsageError */
export function timeoutFrom(text: string | undefined): number {
  if (text === undefined) return TIMEOUT_S * 1000;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError('--timeout is seconds, from 1 to 9999');
  return Number(text) * 1000;
}
