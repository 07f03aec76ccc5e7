import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the all-in-one passes on from its environment, and where it keeps things. */
export interface LocalConfig {
  readonly root: string;
  /** Data of `npm start`. */
  readonly dataDirectory: string;
  readonly databaseUrl: string | undefined;
  readonly elasticsearchUrl: string | undefined;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly criSocket: string;
  readonly logLevel: string;
  /** For child processes: this environment without settings of ours. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
}

export const LOCAL_HELP = `npm start            the whole system on this machine, until Ctrl-C
npm run demo         the same on temporary ports and data, and a drifted binary that is stopped

Settings (environment)
  BULKHEAD_DATA_DIR     where npm start keeps its data (default .bulkhead in this folder)
  BULKHEAD_HTTP_PORT    API (default 8080)
  BULKHEAD_GRPC_PORT    agents (default 8443)
  BULKHEAD_CRI_SOCKET   the container runtime to watch (default /run/containerd/containerd.sock)
  BULKHEAD_LOG_LEVEL    of the control plane and the agent (default info)
  DATABASE_URL          a Postgres of yours instead of the embedded one
  ELASTICSEARCH_URL     events and alerts go there too
  BULKHEAD_SETUP=check  only tell what the set-up would install
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error with one line for the first wrong setting */
export function readLocalConfig(environment: Environment = process.env): LocalConfig {
  const root = repositoryRoot();
  const text = (name: string) => environment[name]?.trim() || undefined;
  return {
    root,
    dataDirectory: text('BULKHEAD_DATA_DIR') ?? join(root, '.bulkhead'),
    databaseUrl: text('DATABASE_URL'),
    elasticsearchUrl: text('ELASTICSEARCH_URL'),
    httpPort: readPort('BULKHEAD_HTTP_PORT', text('BULKHEAD_HTTP_PORT') ?? '8080'),
    grpcPort: readPort('BULKHEAD_GRPC_PORT', text('BULKHEAD_GRPC_PORT') ?? '8443'),
    criSocket: text('BULKHEAD_CRI_SOCKET') ?? '/run/containerd/containerd.sock',
    logLevel: text('BULKHEAD_LOG_LEVEL') ?? 'info',
    baseEnvironment: inherited(environment),
  };
}

/** From dist/deploy/local as from the sources. */
function repositoryRoot(): string {
  const candidates = ['../..', '../../..'].map((up) =>
    fileURLToPath(new URL(up, import.meta.url)).replace(/\/$/, ''),
  );
  const root = candidates.find((candidate) => existsSync(join(candidate, 'package.json')));
  if (!root) throw new Error('cannot find the folder that holds package.json');
  return root;
}

function readPort(name: string, value: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65_535) throw new Error(`${name}: not a port: ${value}`);
  return port;
}

function inherited(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(BULKHEAD_|DATABASE_URL$|ELASTICSEARCH_URL$)/.test(entry[0]),
  );
  return Object.fromEntries(entries);
}
