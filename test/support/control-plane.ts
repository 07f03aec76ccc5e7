import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Keyring } from '../../control-plane/domain/keyring.js';
import { createVault } from '../../control-plane/domain/vault.js';
import { loadKeyring } from '../../control-plane/keys/keyring.js';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../control-plane/launch.js';
import { createApiKey } from '../../control-plane/store/api-keys.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import type { TestDatabase } from './database.js';
import { eventually } from './eventually.js';
import { ROOT } from './root.js';

export const MASTER_KEY = Buffer.alloc(32, 7);

/** A control plane as it runs: a process of its own, of the compiled code. `npm run build` comes first. */
export interface ControlPlaneProcess {
  /** '' and 0 where it has not the role. */
  readonly apiUrl: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly operationsUrl: string;
  /** All that it wrote. */
  readonly output: string;
  /** How it ended: its exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
  /** To be called at the end of every test; also where it has ended. */
  destroy(): Promise<void>;
}

/** Resolves when it is ready. */
export async function startControlPlane(
  databaseUrl: string,
  settings: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<ControlPlaneProcess> {
  const { child, output } = spawnControlPlane(databaseUrl, settings, args);
  const ended = endOf(child);
  const destroy = async () => {
    if (!hasEnded(child)) child.kill('SIGKILL');
    await ended;
  };
  try {
    await eventually(
      () => {
        if (!hasEnded(child) && !output().includes('"msg":"ready"')) throw new Error(output());
      },
      { withinMs: START_LIMIT_MS },
    );
    if (hasEnded(child)) throw new Error(`it ended: ${output()}`);
  } catch (error) {
    await destroy();
    throw error;
  }
  const lines = output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  const said: Said[] = lines.map((line) => JSON.parse(line));
  const apiUrl = said.find(({ msg }) => msg === 'the API is served')?.address ?? '';
  return {
    apiUrl,
    operationsUrl: said.find(({ msg }) => msg === 'health and metrics are served')?.address ?? '',
    httpPort: apiUrl ? Number(new URL(apiUrl).port) : 0,
    grpcPort: said.find(({ msg }) => msg === 'agents are served')?.port ?? 0,
    get output() {
      return output();
    },
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
    destroy,
  };
}

/** For one that is to end by itself. */
export async function runControlPlane(
  databaseUrl: string,
  settings: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<{ readonly code: number | string; readonly output: string }> {
  const { child, output } = spawnControlPlane(databaseUrl, settings, args);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  const code = await endOf(child);
  clearTimeout(timer);
  return { code, output: output() };
}

function spawnControlPlane(
  databaseUrl: string,
  settings: Readonly<Record<string, string>>,
  args: readonly string[],
) {
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, join(ROOT, 'dist/control-plane/main.js'), ...args],
    {
      env: {
        ...NODE_ENVIRONMENT,
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        BULKHEAD_MASTER_KEY: MASTER_KEY.toString('base64'),
        BULKHEAD_HTTP_ADDRESS: '127.0.0.1:0',
        BULKHEAD_GRPC_ADDRESS: '127.0.0.1:0',
        BULKHEAD_OPERATIONS_ADDRESS: '127.0.0.1:0',
        BULKHEAD_DRAIN_DELAY_MS: '0',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const written: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => written.push(text));
  }
  return { child, output: () => written.join('') };
}

interface Said {
  readonly msg: string;
  readonly address?: string;
  readonly port?: number;
}

/** On a machine on which much else runs. */
const START_LIMIT_MS = 60_000;

/** The keys that a process of startControlPlane uses too: made by whoever comes first. */
export function keyringOf(database: Pick<TestDatabase, 'app'>): Promise<Keyring> {
  return loadKeyring({
    database: database.app,
    vault: createVault(MASTER_KEY),
    trustDomain: 'bulkhead',
  });
}

export async function newOwnerKey(
  database: Pick<TestDatabase, 'app'>,
  tenantId: string,
): Promise<string> {
  const { id, secret, text } = createToken(TOKEN_KINDS.apiKey);
  const secretSha256 = hashSecret(secret);
  const row = { id, name: 'owner', role: 'owner', secretSha256, createdBy: 'test' } as const;
  await database.app.withTenant({ tenantId }, (tx) => createApiKey(tx, row));
  return text;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function endOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = await once(child, 'close');
  return code ?? signal;
}
