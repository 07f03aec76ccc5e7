import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { nearest } from '../proto/ts/policy/language.js';
import { isLoopback } from './domain/origins.js';
import { RATES, type Rates } from './domain/rates.js';
import { DRAIN_DELAY_MS, DRAIN_LIMIT_MS, type DrainTimes } from './drain.js';
import { type MasterKeySetting, type Reader, readMasterKeys } from './keys/master-key-setting.js';
import type { TracingOptions } from './tracing/exporter.js';

export const ROLES = ['edge', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const API_KEY_DAYS = { standard: 0, min: 0, max: 3650 } as const;
const CONNECTIONS = { standard: 10, min: 1, max: 1000 } as const;
const BATCH_DAYS = { standard: 7, min: 1, max: 90 } as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  readonly roles: ReadonlySet<Role>;
  readonly databaseUrl: string;
  readonly databaseConnections: number;
  readonly masterKey: MasterKeySetting;
  readonly trustDomain: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Addresses and networks. */
  readonly trustedProxies: readonly string[];
  readonly grpc: {
    readonly host: string;
    readonly port: number;
    readonly names: readonly string[];
  };
  readonly operations: { readonly host: string; readonly port: number };
  /** An origin: no slash behind it. */
  readonly publicUrl: string;
  readonly drain: DrainTimes;
  readonly rates: Rates;
  readonly elasticsearchUrl: string | undefined;
  /** undefined: no traces. */
  readonly tracing:
    | Pick<TracingOptions, 'endpoint' | 'headers' | 'ratio' | 'serviceName'>
    | undefined;
  readonly webhookAllowPrivate: boolean;
  /** At most so many for an API key; 0: as long as whoever makes it says. */
  readonly apiKeyDays: number;
  readonly batchDays: number;
  readonly oidcAllowPrivate: boolean;
  readonly migrateOnStart: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Every problem of the settings at once. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the settings are wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

export const CONFIG_HELP = `bulkhead-control-plane [COMMAND] [--help]

  serve [--role=edge,api,worker]      serves until SIGTERM (default); also BULKHEAD_ROLE; all three
                                      roles where none is named
  migrate                             brings the database up to date
  create-tenant --name=NAME           makes a tenant and prints its first API key (role owner)
    [--if-absent] [--json]
  create-api-key --tenant=NAME        prints a new API key of a tenant
    --name=NAME [--as=viewer] [--ttl=12h] [--clusters=SELECTOR] [--json]
  create-platform-key --name=NAME     prints a new key that makes and suspends tenants, and may do
    [--ttl=30d] [--json]              nothing inside of one
  revoke-platform-key --id=ID         ID: the 16 digits behind bkh_pk_
  rotate-ca [--step=status] [--json]  changes the certificate authority: --step=begin, activate, finish,
    [--force]                         one after the other; each refuses to lose a node, unless forced
  rotate-signing-key                  the same for the key that signs bundles
    [--step=status] [--force] [--json]
  rotate-master-key                   --step=reseal: encrypts anew what is not under the master key of now;
    [--step=status] [--force]         with BULKHEAD_KMS_SOCKET also begin, activate and finish
    [--json]
  create-login-link --tenant=NAME     prints a link that lets a person in once, within 15 minutes; makes
    --email=ADDRESS [--as=owner]      the member, with that role, where there is none of that address
    [--json]

Settings (environment)
  DATABASE_URL                  postgres://user:password@host:port/database (required)
  BULKHEAD_MASTER_KEY           32 bytes, base64: encrypts keys and secrets in the database; one of these
                                three is required
  BULKHEAD_MASTER_KEY_FILE      a file that holds it
  BULKHEAD_KMS_SOCKET           the unix socket of a Kubernetes KMS v2 plugin: a random one, which it wraps
  BULKHEAD_MASTER_KEY_OTHER     one more that opens and does not encrypt, while the key is changed
  BULKHEAD_MASTER_KEY_OTHER_FILE  a file that holds it, instead
  BULKHEAD_HTTP_ADDRESS         host:port of the API (default 127.0.0.1:8080)
  BULKHEAD_TRUSTED_PROXIES      addresses and networks (10.0.0.0/8), separated by commas, of the proxies
                                before the API: X-Forwarded-For is believed of them, and of nobody else
                                (default none)
  BULKHEAD_PUBLIC_URL           the origin by which browsers reach the API, https://bulkhead.example.com; http
                                on loopback only (default http://127.0.0.1 with the API's port)
  BULKHEAD_GRPC_ADDRESS         host:port for agents (default 127.0.0.1:8443)
  BULKHEAD_GRPC_NAMES           names and addresses that agents reach it by, for its certificate
                                (default: this host's name, localhost, 127.0.0.1)
  BULKHEAD_OPERATIONS_ADDRESS   host:port of /livez, /readyz and /metrics, in every role, without keys:
                                not for the outside (default 127.0.0.1:9464)
  BULKHEAD_DRAIN_DELAY_MS       after SIGTERM, how long all is still served while /readyz says 503
                                (default ${DRAIN_DELAY_MS.standard}, at most ${DRAIN_DELAY_MS.max}; 0 where no balancer asks)
  BULKHEAD_DRAIN_LIMIT_MS       after that, how long requests, streams and deliveries under way may take
                                (default ${DRAIN_LIMIT_MS.standard}, at most ${DRAIN_LIMIT_MS.max})
  BULKHEAD_RATE_CALLER          requests to the API a minute of one caller, at this replica (default ${RATES.caller.standard})
  BULKHEAD_RATE_TENANT          the same of a tenant's callers together (default ${RATES.tenant.standard})
  BULKHEAD_RATE_FAILURES        the same of one address that fail to say who calls (default ${RATES.failures.standard})
  BULKHEAD_RATE_LOGINS          steps of logins a minute of one address, at this replica (default ${RATES.logins.standard})
  BULKHEAD_RATE_TENANT_JOINS    joins a minute of one tenant, at this replica (default ${RATES.tenantJoins.standard})
  BULKHEAD_RATE_ADDRESS_JOINS   the same of one address (default ${RATES.addressJoins.standard})
  BULKHEAD_RATE_EVENT_BYTES     bytes of events a second of one tenant, at this replica: what is more
                                waits at the agents (default ${RATES.eventBytes.standard})
  BULKHEAD_RATE_EVENT_BATCHES   the same in batches (default ${RATES.eventBatches.standard})
  BULKHEAD_TRUST_DOMAIN         SPIFFE trust domain of the agents' certificates (default bulkhead)
  BULKHEAD_DATABASE_CONNECTIONS per process (default 10)
  BULKHEAD_API_KEY_DAYS         days that an API key made through the API may be good for, at most
                                (default 0: as long as whoever makes it says, or for ever)
  BULKHEAD_BATCH_DAYS           days that the log keeps a batch of events that all have read: as long as an
                                agent may repeat one (default 7)
  BULKHEAD_MIGRATE              true: migrate before serving (default false)
  BULKHEAD_WEBHOOK_PRIVATE      true: webhooks may go to private and loopback addresses (default false)
  BULKHEAD_OIDC_PRIVATE         true: identity providers may be at private addresses, and at loopback without
                                TLS (default false)
  BULKHEAD_LOG_LEVEL            ${LOG_LEVELS.join(', ')} (default info)
  ELASTICSEARCH_URL             events and alerts go there too
  OTEL_EXPORTER_OTLP_ENDPOINT   http://collector:4318: traces go there, as OTLP over HTTP
  OTEL_EXPORTER_OTLP_HEADERS    name=value, separated by commas: sent along
  OTEL_TRACES_SAMPLER_ARG       share of traces that is kept, 0 to 1 (default 1)
  OTEL_SERVICE_NAME             what they are under (default bulkhead-control-plane)
`;

/** Of this program: what the help names. */
const KNOWN = new Set(CONFIG_HELP.match(/BULKHEAD_[A-Z_]+/g));
/** Of the agent, and near to one of ours. */
const OF_THE_AGENT = new Set(['BULKHEAD_CRI_SOCKET']);
/** Kubernetes makes variables of the services of a namespace, whose names may begin like ours. */
const OF_A_SERVICE = /_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks all settings. @throws ConfigError */
export function readConfig(
  args: readonly string[],
  environment: Environment = process.env,
): Config {
  const problems: string[] = [];
  const text = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const flag = (name: string): boolean => {
    const value = text(name) ?? 'false';
    if (value !== 'true' && value !== 'false') problems.push(`${name}: true or false`);
    return value === 'true';
  };
  const http = readAddress('BULKHEAD_HTTP_ADDRESS', text, '127.0.0.1:8080', problems);
  const config: Config = {
    roles: readRoles(args, text('BULKHEAD_ROLE'), problems),
    databaseUrl: readUrl('DATABASE_URL', text, ['postgres:', 'postgresql:'], problems) ?? '',
    databaseConnections: readInteger('BULKHEAD_DATABASE_CONNECTIONS', text, CONNECTIONS, problems),
    masterKey: readMasterKeys(text, problems),
    trustDomain: readTrustDomain(text('BULKHEAD_TRUST_DOMAIN') ?? 'bulkhead', problems),
    trustedProxies: readNetworks('BULKHEAD_TRUSTED_PROXIES', text, problems),
    http,
    publicUrl: readOrigin('BULKHEAD_PUBLIC_URL', text, `http://127.0.0.1:${http.port}`, problems),
    grpc: {
      ...readAddress('BULKHEAD_GRPC_ADDRESS', text, '127.0.0.1:8443', problems),
      names: text('BULKHEAD_GRPC_NAMES')?.split(/[\s,]+/) ?? [hostname(), 'localhost', '127.0.0.1'],
    },
    operations: readAddress('BULKHEAD_OPERATIONS_ADDRESS', text, '127.0.0.1:9464', problems),
    drain: {
      delayMs: readInteger(
        'BULKHEAD_DRAIN_DELAY_MS',
        text,
        { ...DRAIN_DELAY_MS, min: 0 },
        problems,
      ),
      limitMs: readInteger(
        'BULKHEAD_DRAIN_LIMIT_MS',
        text,
        { ...DRAIN_LIMIT_MS, min: 0 },
        problems,
      ),
    },
    rates: readRates(text, problems),
    elasticsearchUrl: text('ELASTICSEARCH_URL')
      ? readUrl('ELASTICSEARCH_URL', text, ['http:', 'https:'], problems)
      : undefined,
    tracing: readTracing(text, problems),
    webhookAllowPrivate: flag('BULKHEAD_WEBHOOK_PRIVATE'),
    apiKeyDays: readInteger('BULKHEAD_API_KEY_DAYS', text, API_KEY_DAYS, problems),
    batchDays: readInteger('BULKHEAD_BATCH_DAYS', text, BATCH_DAYS, problems),
    oidcAllowPrivate: flag('BULKHEAD_OIDC_PRIVATE'),
    migrateOnStart: flag('BULKHEAD_MIGRATE'),
    logLevel: readLogLevel(text('BULKHEAD_LOG_LEVEL') ?? 'info', problems),
  };
  problems.push(...misspelt(environment));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/**
 * A setting that is written wrong would be one that is not made. Only names that are near to one of
 * ours: others may be those of the agent, or of somebody else.
 */
function misspelt(environment: Environment): string[] {
  const bare = (name: string) => name.slice('BULKHEAD_'.length);
  return Object.keys(environment).flatMap((name) => {
    const isMeant = KNOWN.has(name) || OF_THE_AGENT.has(name) || OF_A_SERVICE.test(name);
    if (!name.startsWith('BULKHEAD_') || isMeant) return [];
    const meant = nearest(bare(name), [...KNOWN].map(bare));
    return meant ? [`${name}: there is no such setting, is BULKHEAD_${meant} meant?`] : [];
  });
}

function readRoles(args: readonly string[], fallback: string | undefined, problems: string[]) {
  const option = args.find((arg) => arg.startsWith('--role='))?.slice('--role='.length);
  const words = (option ?? fallback ?? ROLES.join(',')).split(',').map((word) => word.trim());
  const roles = new Set<Role>();
  for (const word of words) {
    const role = ROLES.find((candidate) => candidate === word);
    if (role) roles.add(role);
    else problems.push(`--role: ${word} is none of ${ROLES.join(', ')}`);
  }
  return roles;
}

function readRates(text: Reader, problems: string[]): Rates {
  const read = (name: string, key: keyof Rates) =>
    readInteger(`BULKHEAD_RATE_${name}`, text, RATES[key], problems);
  return {
    caller: read('CALLER', 'caller'),
    tenant: read('TENANT', 'tenant'),
    failures: read('FAILURES', 'failures'),
    logins: read('LOGINS', 'logins'),
    tenantJoins: read('TENANT_JOINS', 'tenantJoins'),
    addressJoins: read('ADDRESS_JOINS', 'addressJoins'),
    eventBytes: read('EVENT_BYTES', 'eventBytes'),
    eventBatches: read('EVENT_BATCHES', 'eventBatches'),
  };
}

function readUrl(name: string, text: Reader, protocols: string[], problems: string[]) {
  const value = text(name);
  if (value === undefined) {
    problems.push(`${name}: is not set`);
    return undefined;
  }
  // The value may hold a password: it is never repeated.
  if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
    problems.push(`${name}: not a ${protocols.join('// or ')}// address`);
  }
  return value;
}

function readInteger(
  name: string,
  text: Reader,
  { standard, min, max }: { standard: number; min: number; max: number },
  problems: string[],
): number {
  const value = text(name) ?? String(standard);
  if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  problems.push(`${name}: a whole number from ${min} to ${max}`);
  return standard;
}

function readAddress(name: string, text: Reader, fallback: string, problems: string[]) {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text(name) ?? fallback);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    problems.push(`${name}: host:port, for example ${fallback}`);
    return { host: '127.0.0.1', port: 0 };
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function readNetworks(name: string, text: Reader, problems: string[]): string[] {
  const words = text(name)?.split(/[\s,]+/) ?? [];
  for (const word of words) {
    const [address = '', bits, ...more] = word.split('/');
    const most = { 4: 32, 6: 128 }[isIP(address)];
    const isNetwork = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (most ?? 0));
    if (most === undefined || !isNetwork || more.length > 0) {
      problems.push(`${name}: ${word} is no address and no network, such as 10.0.0.0/8`);
    }
  }
  return words;
}

function readTracing(text: Reader, problems: string[]): Config['tracing'] {
  const endpoint = text('OTEL_EXPORTER_OTLP_ENDPOINT')
    ? readUrl('OTEL_EXPORTER_OTLP_ENDPOINT', text, ['http:', 'https:'], problems)
    : undefined;
  // As the specification of OpenTelemetry has them; a value may be percent-encoded.
  const pairs = text('OTEL_EXPORTER_OTLP_HEADERS')?.split(',') ?? [];
  const headers = pairs.map((pair) => /^\s*([A-Za-z0-9_-]+)=(\S+)\s*$/.exec(pair)?.slice(1) ?? []);
  if (headers.some(({ length }) => length === 0)) {
    problems.push('OTEL_EXPORTER_OTLP_HEADERS: name=value, separated by commas');
  }
  const ratio = Number(text('OTEL_TRACES_SAMPLER_ARG') ?? '1');
  if (!(ratio >= 0 && ratio <= 1)) problems.push('OTEL_TRACES_SAMPLER_ARG: a number from 0 to 1');
  const serviceName = text('OTEL_SERVICE_NAME') ?? 'bulkhead-control-plane';
  return endpoint === undefined
    ? undefined
    : { endpoint, headers: Object.fromEntries(headers), ratio, serviceName };
}

/** Without TLS whoever is on the way reads the cookie: on loopback nobody is. */
function readOrigin(name: string, text: Reader, fallback: string, problems: string[]): string {
  const value = text(name) ?? fallback;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isOrigin = url && url.href === `${url.origin}/`;
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (isOrigin && isSafe) return url.origin;
  problems.push(
    `${name}: an https origin without a path, or http on loopback, for example https://bulkhead.example.com`,
  );
  return fallback;
}

function readTrustDomain(value: string, problems: string[]): string {
  if (!/^[a-z0-9._-]{1,255}$/.test(value)) {
    problems.push('BULKHEAD_TRUST_DOMAIN: letters, digits, dots, dashes and underscores');
  }
  return value;
}

function readLogLevel(value: string, problems: string[]) {
  const level = LOG_LEVELS.find((candidate) => candidate === value);
  if (!level) problems.push(`BULKHEAD_LOG_LEVEL: one of ${LOG_LEVELS.join(', ')}`);
  return level ?? 'info';
}

/**
 * For whoever reads policies: yaml asks process.env at each token, which is a call into C++; of a
 * copy it is a look-up, and a document takes a fifth less time.
 */
export function snapshotEnvironment(): void {
  process.env = { ...process.env };
}
