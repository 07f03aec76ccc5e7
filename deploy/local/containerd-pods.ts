import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CriClient } from '../../node-agent/containers/cri-client.js';
import type { PodSandboxConfig } from '../../proto/ts/gen/runtime/v1/PodSandboxConfig.js';

export interface LocalPod {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly config: PodSandboxConfig;
}

export interface ContainerOptions {
  readonly name: string;
  /** Default: the image that the runtime was started with. */
  readonly image?: string;
  /** Default: the image's own, which sleeps for ever. */
  readonly command?: readonly string[];
  readonly privileged?: boolean;
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string }[];
}

export interface ExecResult {
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface LocalPodsDependencies {
  readonly cri: CriClient;
  readonly cgroupParent: string;
  readonly imageReference: string;
  readonly directory: string;
}

const NODE_NETWORK = { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } as const;

/** Pods and containers of the local runtime, through CRI as a kubelet would. */
export class LocalPods {
  readonly #deps: LocalPodsDependencies;

  constructor(deps: LocalPodsDependencies) {
    this.#deps = deps;
  }

  async runPod(options: { readonly name: string; readonly namespace?: string }): Promise<LocalPod> {
    const { name, namespace = 'default' } = options;
    const uid = randomUUID();
    const config: PodSandboxConfig = {
      metadata: { name, uid, namespace, attempt: 0 },
      logDirectory: join(this.#deps.directory, 'logs', uid),
      linux: {
        cgroupParent: this.#deps.cgroupParent,
        securityContext: { namespaceOptions: NODE_NETWORK },
      },
    };
    const { podSandboxId } = await this.#deps.cri.call('RunPodSandbox', { config });
    return { id: podSandboxId, name, namespace, uid, config };
  }

  /** Creates and starts it; resolves to its id. */
  async runContainer(pod: LocalPod, options: ContainerOptions): Promise<string> {
    const id = await this.createContainer(pod, options);
    await this.startContainer(id);
    return id;
  }

  async createContainer(pod: LocalPod, options: ContainerOptions): Promise<string> {
    const { containerId } = await this.#deps.cri.call('CreateContainer', {
      podSandboxId: pod.id,
      sandboxConfig: pod.config,
      config: {
        metadata: { name: options.name, attempt: 0 },
        image: { image: options.image ?? this.#deps.imageReference },
        command: [...(options.command ?? [])],
        mounts: [...(options.mounts ?? [])],
        logPath: `${options.name}.log`,
        linux: {
          securityContext: {
            privileged: options.privileged ?? false,
            namespaceOptions: NODE_NETWORK,
          },
        },
      },
    });
    return containerId;
  }

  async startContainer(containerId: string): Promise<void> {
    await this.#deps.cri.call('StartContainer', { containerId });
  }

  /** Runs a command in a container to its end, as `kubectl exec` does. */
  async exec(
    containerId: string,
    command: readonly string[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<ExecResult> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    const result = await this.#deps.cri.call(
      'ExecSync',
      { containerId, cmd: [...command], timeout: Math.ceil(timeoutMs / 1_000) },
      { timeoutMs: timeoutMs + 2_000 },
    );
    return {
      exitCode: result.exitCode,
      stdout: result.stdout.toString('utf8'),
      stderr: result.stderr.toString('utf8'),
    };
  }

  /** Stops it at once (SIGKILL) and removes it. */
  async removeContainer(containerId: string): Promise<void> {
    await this.#deps.cri.call('StopContainer', { containerId, timeout: 0 });
    await this.#deps.cri.call('RemoveContainer', { containerId });
  }

  /** With all its containers. */
  async removePod(podSandboxId: string): Promise<void> {
    await this.#deps.cri.call('StopPodSandbox', { podSandboxId });
    await this.#deps.cri.call('RemovePodSandbox', { podSandboxId });
  }

  async removeAll(): Promise<void> {
    const { items } = await this.#deps.cri.call('ListPodSandbox', {}, { timeoutMs: 2_000 });
    for (const pod of items) await this.removePod(pod.id);
  }
}
