import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CriClient } from '../../../node-agent/containers/cri-client.js';
import {
  containerCgroupPath,
  findContainer,
  listContainers,
  readContainerPlace,
  readContainerStatus,
} from '../../../node-agent/containers/cri-containers.js';
import { startFakeRuntime } from '../../fakes/container-runtime.js';

const ID = 'a'.repeat(64);
const POD = 'b'.repeat(64);
const DIGEST = `sha256:${'1'.repeat(64)}`;
const POD_METADATA = { name: 'web-1', uid: 'u-1', namespace: 'shop', attempt: 0 };

const sandbox = (more: object = {}) => ({
  id: POD,
  metadata: POD_METADATA,
  state: 'SANDBOX_READY',
  ...more,
});
const container = (more: object = {}) => ({
  id: ID,
  podSandboxId: POD,
  metadata: { name: 'nginx', attempt: 2 },
  state: 'CONTAINER_RUNNING',
  ...more,
});

describe('what the runtime tells of containers', () => {
  let directory: string;
  let runtime: { stop(): void } | undefined;
  let cri: CriClient;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-cri-'));
    cri = new CriClient(join(directory, 'cri.sock'));
  });

  afterEach(() => {
    cri.close();
    runtime?.stop();
    rmSync(directory, { recursive: true });
  });

  async function answer(answers: Parameters<typeof startFakeRuntime>[1]): Promise<void> {
    runtime = await startFakeRuntime(join(directory, 'cri.sock'), {
      ListContainers: () => ({ containers: [container()] }),
      ListPodSandbox: () => ({ items: [sandbox()] }),
      ...answers,
    });
  }

  async function statusOf(id: string) {
    const listed = await findContainer(cri, id);
    if (!listed) throw new Error('not found');
    return readContainerStatus(cri, listed);
  }

  const statusAnswer = (status: object, info?: string) => ({
    ContainerStatus: () => ({
      status: { ...container(), ...status },
      info: info === undefined ? {} : { info },
    }),
  });

  it('lists containers and sandboxes that run or are about to', async () => {
    const others = [
      container({ id: 'created', state: 'CONTAINER_CREATED' }),
      container({ id: 'exited', state: 'CONTAINER_EXITED' }),
      container({ id: 'orphan', podSandboxId: 'gone' }),
    ];
    await answer({
      ListContainers: () => ({ containers: [container(), ...others] }),
      ListPodSandbox: () => ({
        items: [sandbox(), sandbox({ id: 'old', state: 'SANDBOX_NOTREADY' })],
      }),
    });
    const listed = await listContainers(cri);
    expect(listed.map(({ id }) => id)).toEqual([ID, 'created', 'orphan', POD]);
    expect(listed.find(({ id }) => id === 'orphan')?.sandbox).toBeUndefined();
  });

  it('takes the facts of a container and its pod', async () => {
    const image = { image: 'nginx:1.27' };
    const imageRef = `docker.io/library/nginx@${DIGEST}`;
    await answer(statusAnswer({ image, imageRef }, '{"pid": 4711}'));
    expect(await statusOf(ID)).toEqual({
      pid: 4711,
      facts: {
        id: ID,
        name: 'nginx',
        imageFullName: 'docker.io/library/nginx',
        imageTag: '1.27',
        imageDigest: DIGEST,
        podName: 'web-1',
        podNamespace: 'shop',
        podUid: 'u-1',
      },
    });
  });

  it('prefers the image as it was asked for, and takes no image id for a digest', async () => {
    const image = { image: 'registry.example/other:2', userSpecifiedImage: 'registry.example/a:1' };
    await answer(statusAnswer({ image, imageRef: DIGEST }));
    const facts = (await statusOf(ID))?.facts;
    expect(facts).toMatchObject({ imageFullName: 'registry.example/a', imageTag: '1' });
    expect(facts?.imageDigest).toBe('');
  });

  it('takes the facts of a sandbox', async () => {
    const info = JSON.stringify({ pid: 12, image: 'registry.k8s.io/pause:3.9' });
    await answer({ PodSandboxStatus: () => ({ status: sandbox(), info: { info } }) });
    expect(await statusOf(POD)).toMatchObject({
      pid: 12,
      facts: { id: POD, name: 'POD', imageFullName: 'registry.k8s.io/pause', podName: 'web-1' },
    });
  });

  it.each(['', 'null', '[]', '{"pid": "1"}', '{"pid": -1}', '{"pid": 1.5}', '{"pi'])(
    'takes no pid from %j',
    async (info) => {
      await answer(statusAnswer({ image: { image: 'a' } }, info));
      expect((await statusOf(ID))?.pid).toBeUndefined();
    },
  );

  it('takes no pid of a container that does not run', async () => {
    await answer(statusAnswer({ state: 'CONTAINER_CREATED' }, '{"pid": 4711}'));
    expect((await statusOf(ID))?.pid).toBeUndefined();
  });

  it('bears names that are too long, and images that are none', async () => {
    const metadata = { name: 'é'.repeat(5000), attempt: 0 };
    await answer(statusAnswer({ metadata, image: { image: '../../etc passwd' } }));
    const facts = (await statusOf(ID))?.facts;
    expect(Buffer.byteLength(facts?.name ?? '')).toBeLessThanOrEqual(1024);
    expect(facts).toMatchObject({ imageFullName: '', imageTag: '', imageDigest: '' });
  });

  it('tells a container that is gone from a runtime that does not answer', async () => {
    await answer({
      ListContainers: () => ({ containers: [] }),
      ListPodSandbox: () => ({ items: [] }),
      ContainerStatus: () => undefined,
    });
    expect(await findContainer(cri, ID)).toBeUndefined();
    const listed = { id: ID, sandbox: undefined, container: (await listFrom())[0]?.container };
    expect(await readContainerStatus(cri, listed)).toBeUndefined();
    runtime?.stop();
    await expect(findContainer(cri, ID)).rejects.toMatchObject({ name: 'CriError' });
  });

  /** A container as another runtime lists it. */
  async function listFrom() {
    const socket = join(directory, 'other.sock');
    const other = await startFakeRuntime(socket, {
      ListContainers: () => ({ containers: [container()] }),
      ListPodSandbox: () => ({ items: [] }),
    });
    const client = new CriClient(socket);
    try {
      return await listContainers(client);
    } finally {
      client.close();
      other.stop();
    }
  }
});

describe('where a container runs', () => {
  it("is the cgroup that bears its id, not what is made below it or its monitor's", () => {
    const scope = `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`;
    expect(containerCgroupPath(scope, ID)).toBe(scope);
    expect(containerCgroupPath(`${scope}/init.scope`, ID)).toBe(scope);
    expect(containerCgroupPath(`/kubepods/pod1/${ID}`, ID)).toBe(`/kubepods/pod1/${ID}`);
    expect(containerCgroupPath('/kubepods/pod1/other', ID)).toBeUndefined();
  });

  it('is not told by a process that is none of it', async () => {
    expect(await readContainerPlace(ID, process.pid)).toBeUndefined();
    expect(await readContainerPlace(ID, 2 ** 22 + 1)).toBeUndefined();
  });
});
