import { resolve } from 'node:path';
import { ApiClient } from '../api/client.js';
import { fieldOf } from '../api/print.js';
import { contextOf, readCa, timeoutFrom } from '../api/session.js';
import { apiKeyFromText, serverFromText } from '../api/target.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from '../command.js';
import { readDocument } from '../files.js';
import { say } from '../output.js';
import { checkName } from './change.js';
import { type Context, changeContexts } from './contexts.js';

export const login: Command = {
  help: `bulkhead login --server URL [OPTIONS]

Asks for an API key, tries it, and keeps it with the address as a context, which becomes the current
one. The key is not shown while it is typed, and is kept in a file that only you may read.

  --server URL        the address of the control plane's API
  --context NAME      what to call it (default: the host of the address)
  --ca-file FILE      trust this authority (PEM) and no other
  --api-key-stdin     read the key from standard input:
                      bulkhead login --server URL --api-key-stdin < key-file
  --insecure-http     allow http to another machine
  --timeout SECONDS   give up after so long (default 30)

Exit codes: 0 done, 2 usage, 3 a file could not be read or written, 4 the key was refused, 5 the
control plane could not be asked.
`,
  run: runLogin,
};

export const logout: Command = {
  help: `bulkhead logout [CONTEXT]

Forgets the API key of a context, the current one where none is named; its address stays. The key
itself is good as before: see "bulkhead api-key revoke".

Exit codes: 0 done, 2 usage, or there is no such context, 3 the file could not be read or written.
`,
  run: async (args, io) => {
    const { operands } = readArguments(args, {
      flags: [],
      texts: [],
      operands: { what: 'CONTEXT', min: 0, max: 1 },
    });
    await changeContexts(io, (all) => {
      const { name } = contextOf(all, operands[0] ?? io.settings.context);
      const contexts = all.contexts.map((one) =>
        one.name === name ? { ...one, apiKey: undefined } : one,
      );
      return { ...all, contexts };
    });
    return EXIT.fine;
  },
};

async function runLogin(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, texts } = readArguments(args, {
    flags: ['api-key-stdin', 'insecure-http'],
    texts: ['server', 'context', 'ca-file', 'timeout'],
    operands: { what: '', min: 0, max: 0 },
  });
  const address = texts.get('server');
  if (address === undefined) throw new UsageError('--server is missing');
  const insecureHttp = flags.has('insecure-http');
  const server = serverFromText(address, insecureHttp);
  const name = texts.get('context') ?? new URL(server).hostname.replaceAll(/[[\]:]+/g, '-');
  checkName(name);
  const caFile = texts.get('ca-file');
  const ca = await readCa(caFile);
  const timeoutMs = timeoutFrom(texts.get('timeout'));
  const apiKey = apiKeyFromText(await readKey(flags.has('api-key-stdin'), server, io));
  const tenant = await new ApiClient({ server, apiKey, ca }, { timeoutMs }).get('/v1/tenant');
  const context: Context = {
    name,
    server,
    caFile: caFile === undefined ? undefined : resolve(caFile),
    insecureHttp: insecureHttp || undefined,
    apiKey,
  };
  await changeContexts(io, ({ contexts }) => ({
    current: name,
    contexts: [...contexts.filter((one) => one.name !== name), context],
  }));
  const role = String(fieldOf(tenant, 'caller.role'));
  say(io, `you are ${role} of ${String(tenant.name)}; the current context is ${name}`);
  return EXIT.fine;
}

/** @throws UsageError */
async function readKey(fromStdin: boolean, server: string, io: Io): Promise<string> {
  if (!fromStdin) {
    const typed = await io.ask(`API key for ${server}: `, 'hidden');
    if (typed !== undefined) return typed;
    throw new UsageError('nobody is there to be asked: give --api-key-stdin');
  }
  const content = await readDocument('-', io);
  if (content.kind !== 'read') throw new UsageError('standard input has no API key');
  return Buffer.from(content.bytes).toString('utf8');
}
