import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isUuid } from '../proto/ts/wire/ids.js';
import { isKubernetesVersion } from '../proto/ts/wire/kubernetes-version.js';

/** Two of them while the control plane changes its authority. */
const CA_PINS = /^sha256:[A-Za-z0-9_-]{43}(,sha256:[A-Za-z0-9_-]{43}){0,3}$/;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const BACKENDS = ['lsm', 'fmod_ret', 'signal'] as const;

export interface Config {
  readonly controlPlane: { readonly host: string; readonly port: number } | undefined;
  /** Only for the first start. */
  readonly joinToken: string | undefined;
  /** Instead of a join token: where kubelet keeps a token of the pod's service account. */
  readonly serviceAccount: { readonly clusterId: string; readonly tokenFile: string } | undefined;
  readonly caPin: string | undefined;
  readonly stateDirectory: string;
  readonly nodeName: string;
  /** v1.31.2 */
  readonly kubernetesVersion: string | undefined;
  readonly criSocket: string;
  /** v2 cgroups, below which each new cgroup is a container. */
  readonly containerCgroups: readonly string[];
  readonly bpffsDirectory: string;
  readonly backends: readonly (typeof BACKENDS)[number][] | undefined;
  readonly spoolBytes: number;
  readonly detachOnExit: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Every problem of the settings at once. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the settings are wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Where kubelets and containerd put containers; those that exist are watched. */
const DEFAULT_CGROUPS = '/kubepods.slice,/kubepods,/k8s.io';
const MIB = 1024 * 1024;

export const CONFIG_HELP = `bulkhead-agent [run | probe [--json] | detach] [--help] [--version]

  run      watches this node's containers and enforces policies (default); stays until SIGTERM
  probe    tells which backend each hook gets on this kernel, and why; changes nothing
  detach   ends enforcement: removes the programs that an agent left in the kernel

Settings (environment)
  BULKHEAD_CONTROL_PLANE      host:port of the control plane's agent port (required to run)
  BULKHEAD_JOIN_TOKEN         bkh_jt_...: for the first start; also BULKHEAD_JOIN_TOKEN_FILE
  BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE
                              instead, in Kubernetes: a projected token of the pod's service account
  BULKHEAD_CLUSTER_ID         the cluster that such a token is for
  BULKHEAD_CA_PIN             sha256:...: the control plane's authority, printed with the token; two of
                              them, with a comma between, while it is changed
  BULKHEAD_STATE_DIR          identity, policies, spool (default /var/lib/bulkhead-agent)
  BULKHEAD_NODE_NAME          default: the host's name
  BULKHEAD_KUBERNETES_VERSION the cluster's version, as its API server says it (v1.31.2); a chart can
                              fill it in, the agent asks no API server
  BULKHEAD_CRI_SOCKET         default /run/containerd/containerd.sock
  BULKHEAD_CONTAINER_CGROUPS  v2 cgroups below which containers are made, separated by commas
                              (default ${DEFAULT_CGROUPS}, as far as they exist)
  BULKHEAD_BPFFS              where programs are pinned (default /sys/fs/bpf/bulkhead); a bpffs is
                              mounted there if it is on none
  BULKHEAD_BACKENDS           use only these: ${BACKENDS.join(', ')}
  BULKHEAD_SPOOL_BYTES        how much may wait on disk for delivery (default ${512 * MIB})
  BULKHEAD_DETACH_ON_EXIT     true: enforcement ends with the agent (default false)
  BULKHEAD_LOG_LEVEL          ${LOG_LEVELS.join(', ')} (default info)
`;

type Environment = Readonly<Record<string, string | undefined>>;
type Reader = (name: string) => string | undefined;

/** @throws ConfigError */
export function readConfig(environment: Environment = process.env): Config {
  const problems: string[] = [];
  const text: Reader = (name) => environment[name]?.trim() || undefined;
  const config: Config = {
    controlPlane: readAddress(text('BULKHEAD_CONTROL_PLANE'), problems),
    joinToken: readSecret('BULKHEAD_JOIN_TOKEN', text, problems),
    serviceAccount: readServiceAccount(text, problems),
    caPin: text('BULKHEAD_CA_PIN'),
    stateDirectory: text('BULKHEAD_STATE_DIR') ?? '/var/lib/bulkhead-agent',
    nodeName: text('BULKHEAD_NODE_NAME') ?? hostname(),
    kubernetesVersion: text('BULKHEAD_KUBERNETES_VERSION'),
    criSocket: text('BULKHEAD_CRI_SOCKET') ?? '/run/containerd/containerd.sock',
    containerCgroups: readCgroups(text('BULKHEAD_CONTAINER_CGROUPS') ?? DEFAULT_CGROUPS, problems),
    bpffsDirectory: text('BULKHEAD_BPFFS') ?? '/sys/fs/bpf/bulkhead',
    backends: readBackends(text('BULKHEAD_BACKENDS'), problems),
    spoolBytes: readBytes('BULKHEAD_SPOOL_BYTES', text, 512 * MIB, problems),
    detachOnExit: readFlag('BULKHEAD_DETACH_ON_EXIT', text, problems),
    logLevel: readLogLevel(text('BULKHEAD_LOG_LEVEL') ?? 'info', problems),
  };
  if (config.caPin !== undefined && !CA_PINS.test(config.caPin)) {
    problems.push('BULKHEAD_CA_PIN: sha256: and 43 characters, as printed with the join token');
  }
  if (config.kubernetesVersion && !isKubernetesVersion(config.kubernetesVersion)) {
    problems.push('BULKHEAD_KUBERNETES_VERSION: such as v1.31.2');
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function readAddress(value: string | undefined, problems: string[]) {
  if (value === undefined) return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) {
    problems.push('BULKHEAD_CONTROL_PLANE: host:port');
    return undefined;
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function readSecret(name: string, text: Reader, problems: string[]): string | undefined {
  const file = text(`${name}_FILE`);
  if (file === undefined) return text(name);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(`${name}_FILE: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The file itself is read when it is needed: kubelet renews it. */
function readServiceAccount(text: Reader, problems: string[]): Config['serviceAccount'] {
  const tokenFile = text('BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE');
  const clusterId = text('BULKHEAD_CLUSTER_ID');
  if (tokenFile === undefined && clusterId === undefined) return undefined;
  if (tokenFile === undefined || clusterId === undefined || !isUuid(clusterId)) {
    problems.push(
      'BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE, BULKHEAD_CLUSTER_ID: both, a path and the id of a cluster',
    );
    return undefined;
  }
  if (text('BULKHEAD_JOIN_TOKEN') ?? text('BULKHEAD_JOIN_TOKEN_FILE')) {
    problems.push('BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE: not beside a join token');
  }
  return { clusterId, tokenFile };
}

function readCgroups(value: string, problems: string[]): string[] {
  const paths = value.split(',').map((path) => path.trim());
  for (const path of paths) {
    if (!/^\/[^/]/.test(path) || path.split('/').includes('..')) {
      problems.push(`BULKHEAD_CONTAINER_CGROUPS: not a path below the cgroup root: ${path}`);
    }
  }
  return paths;
}

function readBackends(value: string | undefined, problems: string[]) {
  if (value === undefined) return undefined;
  return value.split(',').flatMap((word) => {
    const backend = BACKENDS.find((known) => known === word.trim());
    if (!backend) problems.push(`BULKHEAD_BACKENDS: ${word} is none of ${BACKENDS.join(', ')}`);
    return backend ?? [];
  });
}

function readBytes(name: string, text: Reader, fallback: number, problems: string[]): number {
  const value = text(name);
  if (value === undefined) return fallback;
  const bytes = Number(value);
  if (!/^\d{1,15}$/.test(value) || bytes < 8 * MIB) {
    problems.push(`${name}: a number of bytes, at least ${8 * MIB}`);
  }
  return bytes;
}

function readFlag(name: string, text: Reader, problems: string[]): boolean {
  const value = text(name) ?? 'false';
  if (value !== 'true' && value !== 'false') problems.push(`${name}: true or false`);
  return value === 'true';
}

function readLogLevel(value: string, problems: string[]) {
  const level = LOG_LEVELS.find((known) => known === value);
  if (!level) problems.push(`BULKHEAD_LOG_LEVEL: one of ${LOG_LEVELS.join(', ')}`);
  return level ?? 'info';
}
