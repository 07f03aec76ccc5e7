import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './api-client.js';
import type { LocalConfig } from './config.js';
import { type LocalContainerd, startContainerd } from './containerd.js';
import { freePort } from './processes.js';
import { type LocalNode, type LocalSystem, startSystem } from './system.js';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.js';

const POLICY = `# Nothing may run in a container that its image did not bring.
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable, memory]
  responses:
    - match: [drifted]
      actions: [alert, block]
`;

interface Alert {
  readonly id: string;
  readonly title: string;
  readonly verdict: string;
  readonly firstSeenAt: string;
  readonly document: { readonly process?: { readonly executable?: string } };
}

/** The story on real input, on temporary ports and data. Resolves to the exit code: 0 only if all of it was observed. */
export async function demo(config: LocalConfig, signal: AbortSignal): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-demo-'));
  const stops: (() => Promise<void>)[] = [];
  const story = new Story();
  try {
    const cgroupParent = `/bulkhead-demo-${process.pid}`;
    story.step('a container runtime of its own (containerd, runc)');
    const runtime = await startContainerd({ directory: join(directory, 'c'), cgroupParent });
    stops.push(() => runtime.stop());

    const system = await startSystem(
      {
        config,
        directory: join(directory, 'system'),
        httpPort: await freePort(),
        grpcPort: await freePort(),
        controlPlane: { BULKHEAD_WEBHOOK_PRIVATE: 'true' },
        agent: {
          BULKHEAD_CRI_SOCKET: runtime.socketPath,
          BULKHEAD_CONTAINER_CGROUPS: cgroupParent,
          BULKHEAD_BPFFS: join(directory, 'bpffs'),
        },
        report: (step) => story.step(step),
      },
      signal,
    );
    stops.push(() => system.stop());
    const missing = await system.probeAgent();
    if (missing.length > 0) throw new Error(missing.join('; '));
    const node = await system.startAgent(signal);

    story.step('a webhook receiver');
    const receiver = await startWebhookReceiver();
    stops.push(() => receiver.close());
    const webhook = await system.api.post<{ secret: string }>('/v1/webhooks', {
      name: 'demo',
      url: receiver.url,
    });
    receiver.setSecret(webhook.secret);

    const last = await tell(story, { system, node, runtime, receiver }, signal);
    story.step('stopping');
    await stopAll(stops);
    story.end(last);
    return 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    story.end(signal.aborted ? 'demo: interrupted' : `demo: failed: ${reason}`);
    return 1;
  } finally {
    await stopAll(stops);
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Cast {
  readonly system: LocalSystem;
  readonly node: LocalNode;
  readonly runtime: LocalContainerd;
  readonly receiver: WebhookReceiver;
}

async function tell(story: Story, cast: Cast, signal: AbortSignal): Promise<string> {
  const { system, node, runtime, receiver } = cast;
  const { api } = system;
  const exec = node.hooks.find(({ hook }) => hook === 'exec');
  story.step(`the exec hook denies by ${exec?.backend ?? 'nothing'}`);

  story.step('a container, from an image built of busybox');
  const pod = await runtime.pods.runPod({ name: 'shop', namespace: 'demo' });
  const container = await runtime.pods.runContainer(pod, { name: 'web' });

  story.step('a policy: executables that the image did not bring alert and are blocked');
  const policy = await api.post<{ id: string }>('/v1/policies', {
    name: 'no-drift',
    source: POLICY,
  });
  await api.post('/v1/assignments', {
    name: 'no-drift-anywhere',
    policyId: policy.id,
    clusters: '',
    mode: 'enforce',
  });
  await waitFor(
    'the node to have the policy in force',
    async () => {
      const { appliedRevision } = await api.get<LocalNode>(`/v1/nodes/${node.id}`);
      return appliedRevision > 0 ? appliedRevision : undefined;
    },
    signal,
  );
  story.step('the node has it in force');

  const run = (...command: string[]) => runtime.pods.exec(container, command);
  const copied = await run('cp', '/bin/busybox', '/tmp/payload');
  expect(copied.exitCode === 0, `the image's own cp failed: ${copied.stderr}`);
  story.step('the container copied a binary to /tmp/payload, and runs it');

  const attemptedAt = Date.now();
  const attempt = await run('sh', '-c', '/tmp/payload touch /tmp/it-ran; echo "ended with $?"');
  const ran = await run('ls', '/tmp/it-ran');
  expect(ran.exitCode !== 0, 'the drifted binary ran');
  const ended = /ended with (\d+)/.exec(attempt.stdout)?.[1];
  // 126: the shell was refused with EPERM; 137: 128 + SIGKILL.
  const how = { '126': 'denied', '137': 'killed' }[ended ?? ''];
  expect(how !== undefined, `the drifted binary ended with ${ended}: ${attempt.stderr}`);
  const own = await run('busybox', 'echo', 'unharmed');
  expect(own.stdout === 'unharmed\n', `the image's own binary was hurt: ${own.stderr}`);
  story.step(`it was ${how}; the image's own binaries run`);

  const alert = await waitFor(
    'the alert over the API',
    async () => {
      const alerts = await api.get<{ items: Alert[] }>('/v1/alerts');
      return alerts.items.find((item) => item.document.process?.executable === '/tmp/payload');
    },
    signal,
  );
  expect(alert.verdict === how, `the alert says ${alert.verdict}`);
  story.step(`over the API: ${alert.title}`);

  const message = await waitFor(
    'the webhook',
    async () => receiver.messages.find(({ body }) => body.data.id === alert.id),
    signal,
  );
  expect(receiver.refused === 0, 'a message with a wrong signature came');
  story.step('at the webhook receiver: the same alert, its signature verified');
  const deliveredMs = message.receivedAt.getTime() - attemptedAt;
  return `demo: drift ${how} before its first instruction; alert delivered in ${deliveredMs} ms`;
}

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

/** Prints each step with the time since the start. */
class Story {
  readonly #startedAt = Date.now();

  step(text: string): void {
    const seconds = ((Date.now() - this.#startedAt) / 1000).toFixed(2).padStart(6);
    process.stdout.write(`${seconds} s  ${text}\n`);
  }

  end(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}
