import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { Container__Output } from '../../proto/ts/gen/runtime/v1/Container.js';
import type { PodSandbox__Output } from '../../proto/ts/gen/runtime/v1/PodSandbox.js';
import type { ContainerFacts } from '../../proto/ts/policy/model.js';
import { cgroupPathOf, parseMountInfo } from './cgroup-tree.js';
import { type CriClient, CriError } from './cri-client.js';
import { parseImageReference } from './image-reference.js';

/** What the runtime tells of a container (or of a pod's sandbox) without asking for each alone. */
export interface ListedContainer {
  readonly id: string;
  readonly sandbox: PodSandbox__Output | undefined;
  /** undefined: it is the sandbox itself. */
  readonly container: Container__Output | undefined;
}

export interface ContainerStatus {
  readonly facts: ContainerFacts;
  /** Its first process, in our pid namespace. undefined: not started yet, or ended. */
  readonly pid: number | undefined;
}

/** Where a container runs: known once it has a process. */
export interface ContainerPlace {
  /** Its cgroup as a path below the v2 root. */
  readonly cgroupPath: string;
  /** st_dev of its root directory. */
  readonly rootDevice: bigint;
}

/** The name that sandboxes go by, after the kubelet's label for them. */
export const SANDBOX_CONTAINER_NAME = 'POD';

const RUNNING_STATES: readonly string[] = ['CONTAINER_CREATED', 'CONTAINER_RUNNING'];
const MAX_FACT_BYTES = 1024;

/** All containers and sandboxes that run or are about to. @throws CriError */
export async function listContainers(cri: CriClient): Promise<ListedContainer[]> {
  // Containers first: each has a sandbox by then, so the second list holds it.
  const { containers } = await cri.call('ListContainers', {});
  const { items } = await cri.call('ListPodSandbox', {});
  const sandboxes = new Map(items.map((sandbox) => [sandbox.id, sandbox]));
  return [
    ...containers
      .filter((container) => RUNNING_STATES.includes(container.state))
      .map((container) => ({
        id: container.id,
        sandbox: sandboxes.get(container.podSandboxId),
        container,
      })),
    ...items
      .filter((sandbox) => sandbox.state === 'SANDBOX_READY')
      .map((sandbox) => ({ id: sandbox.id, sandbox, container: undefined })),
  ];
}

/** One container or sandbox. undefined: the runtime does not know it (yet). @throws CriError */
export async function findContainer(
  cri: CriClient,
  id: string,
): Promise<ListedContainer | undefined> {
  const { containers } = await cri.call('ListContainers', { filter: { id } });
  const container = containers.find((candidate) => candidate.id === id);
  const sandboxId = container?.podSandboxId ?? id;
  const { items } = await cri.call('ListPodSandbox', { filter: { id: sandboxId } });
  const sandbox = items.find((candidate) => candidate.id === sandboxId);
  return container || sandbox ? { id, sandbox, container } : undefined;
}

/** undefined: the runtime knows it no more. @throws CriError */
export async function readContainerStatus(
  cri: CriClient,
  listed: ListedContainer,
): Promise<ContainerStatus | undefined> {
  try {
    return listed.container === undefined
      ? await readSandbox(cri, listed)
      : await readContainer(cri, listed);
  } catch (error) {
    if (error instanceof CriError && error.status === status.NOT_FOUND) return undefined;
    throw error;
  }
}

/**
 * Reads /proc of a container's first process. undefined: it has ended, or it is not (any more) in a
 * cgroup of this container, so that its number now names another process.
 */
export async function readContainerPlace(
  containerId: string,
  pid: number,
): Promise<ContainerPlace | undefined> {
  const [cgroup, mounts] = await Promise.all([
    readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => ''),
  ]);
  const path = cgroupPathOf(cgroup);
  const cgroupPath = path === undefined ? undefined : containerCgroupPath(path, containerId);
  // The last mount on / lies on top.
  const root = parseMountInfo(mounts).findLast((mount) => mount.mountPoint === '/');
  if (cgroupPath === undefined || root === undefined) return undefined;
  return { cgroupPath, rootDevice: root.device };
}

/**
 * The container's own cgroup on the way to one of its processes: runtimes put the id into its name
 * (`<id>`, `cri-containerd-<id>.scope`), and what runs inside may make more below it.
 */
export function containerCgroupPath(processPath: string, containerId: string): string | undefined {
  const components = processPath.split('/');
  const at = components.findIndex((component) => component.includes(containerId));
  return at === -1 ? undefined : components.slice(0, at + 1).join('/');
}

async function readContainer(cri: CriClient, listed: ListedContainer): Promise<ContainerStatus> {
  const { status: found, info } = await cri.call('ContainerStatus', {
    containerId: listed.id,
    verbose: true,
  });
  const name = found?.metadata?.name ?? '';
  const image = found?.image?.userSpecifiedImage || found?.image?.image || '';
  return {
    facts: factsOf(listed, name, image, found?.imageRef ?? ''),
    pid: found?.state === 'CONTAINER_RUNNING' ? pidFromInfo(info) : undefined,
  };
}

async function readSandbox(cri: CriClient, listed: ListedContainer): Promise<ContainerStatus> {
  const { info } = await cri.call('PodSandboxStatus', { podSandboxId: listed.id, verbose: true });
  const image = textField(parseInfo(info), 'image');
  return { facts: factsOf(listed, SANDBOX_CONTAINER_NAME, image, ''), pid: pidFromInfo(info) };
}

function factsOf(
  listed: ListedContainer,
  name: string,
  image: string,
  imageRef: string,
): ContainerFacts {
  const reference = parseImageReference(image);
  const pod = listed.sandbox?.metadata;
  return {
    id: bounded(listed.id),
    name: bounded(name),
    imageFullName: reference?.fullName ?? '',
    imageTag: reference?.tag ?? '',
    // imageRef is the pulled manifest, where the image was pulled; else an image id, which is no digest.
    imageDigest: parseImageReference(imageRef)?.digest || reference?.digest || '',
    podName: bounded(pod?.name ?? ''),
    podNamespace: bounded(pod?.namespace ?? ''),
    podUid: bounded(pod?.uid ?? ''),
  };
}

/** The runtime's own description, JSON: containerd and CRI-O both give the pid in it. */
function pidFromInfo(info: Readonly<Record<string, string>>): number | undefined {
  const parsed = parseInfo(info);
  const pid = parsed !== undefined && 'pid' in parsed ? parsed.pid : undefined;
  return typeof pid === 'number' && Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

function parseInfo(info: Readonly<Record<string, string>>): object | undefined {
  try {
    const value: unknown = JSON.parse(info.info ?? '');
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function textField(value: object | undefined, name: string): string {
  const found =
    value === undefined ? undefined : Object.entries(value).find(([key]) => key === name);
  return typeof found?.[1] === 'string' ? found[1] : '';
}

function bounded(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MAX_FACT_BYTES ? text : bytes.subarray(0, MAX_FACT_BYTES).toString();
}
