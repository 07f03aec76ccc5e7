import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FleetNode } from './place.js';
import type { SwarmAnswer, SwarmCommands, SwarmStatus } from './swarm-process.js';

type Name = keyof SwarmCommands;
type Args<N extends Name> = Parameters<SwarmCommands[N]>[0];
type Result<N extends Name> = Awaited<ReturnType<SwarmCommands[N]>>;

/** Simulated agents in processes of their own, so that what is measured is the control plane alone. */
export class Swarm {
  readonly #processes: readonly SwarmProcess[];

  constructor(count: number) {
    this.#processes = Array.from({ length: count }, () => new SwarmProcess());
  }

  async create(databaseUrl: string, nodes: readonly FleetNode[]): Promise<void> {
    const share = Math.ceil(nodes.length / this.#processes.length);
    await this.#each((each, at) =>
      each.ask('create', { databaseUrl, nodes: nodes.slice(at * share, (at + 1) * share) }),
    );
  }

  async direct(ports: readonly number[]): Promise<void> {
    await this.#each((each) => each.ask('direct', ports));
  }

  async start(): Promise<void> {
    await this.#each((each) => each.ask('start', undefined));
  }

  async status(): Promise<SwarmStatus> {
    const all = await this.#each((each) => each.ask('status', undefined));
    const sum = (read: (status: SwarmStatus) => number) =>
      all.reduce((total, each) => total + read(each), 0);
    return {
      connected: sum(({ connected }) => connected),
      stored: sum(({ stored }) => stored),
      offeredOlder: sum(({ offeredOlder }) => offeredOlder),
      failures: added(all.map((each) => each.failures)),
      failedTries: added(all.map((each) => each.failedTries)),
    };
  }

  async takeUpdates(): Promise<number[]> {
    return (await this.#each((each) => each.ask('takeUpdates', undefined))).flat();
  }

  async report(args: Args<'report'>): Promise<void> {
    const agents = Math.ceil(args.agents / this.#processes.length);
    await this.#each((each) => each.ask('report', { ...args, agents }));
  }

  async join(args: Args<'join'>): Promise<Result<'join'>> {
    return (await this.#processes[0]?.ask('join', args)) ?? [];
  }

  async close(): Promise<void> {
    await this.#each((each) => each.close());
  }

  #each<T>(fn: (each: SwarmProcess, at: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#processes.map(fn));
  }
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [code, count] of counts.flatMap((each) => Object.entries(each))) {
    sum[code] = (sum[code] ?? 0) + count;
  }
  return sum;
}

class SwarmProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: SwarmAnswer) => void>();
  #lastId = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./swarm-process.js', import.meta.url)));
    this.#child.on('message', (answer: SwarmAnswer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.once('exit', () => {
      for (const settle of this.#waiting.values()) settle({ id: 0, error: 'the agents ended' });
    });
  }

  async ask<N extends Name>(name: N, args: Args<N>): Promise<Result<N>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = await new Promise<SwarmAnswer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, name, args });
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    // What a process of ours answers to a command of that name.
    return answer.result as Result<N>;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
