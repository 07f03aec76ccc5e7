import { openDatabase } from '../../../control-plane/store/database.js';
import { SimulatedAgent } from '../../fakes/agent.js';
import { issueCredentials } from '../../fakes/agent-certificates.js';
import { keyringOf } from '../../support/control-plane.js';
import { type JoinOutcome, joinTwice } from './join-calls.js';
import { batchPayload } from './payload.js';
import type { FleetNode } from './place.js';

/** What a process of simulated agents is told to do; it answers each with what the function returns. */
export interface SwarmCommands {
  /** Makes the agents, with their certificates. */
  create(args: { databaseUrl: string; nodes: readonly FleetNode[] }): Promise<void>;
  /** Where replicas are. */
  direct(ports: readonly number[]): void;
  start(): void;
  status(): SwarmStatus;
  /** Times (ms since 1970) at which updates came since this was asked last. */
  takeUpdates(): number[];
  /** The first `agents` send a batch of so many events about every `everyMs`; 0: none. */
  report(args: { agents: number; everyMs: number; events: number }): void;
  join(args: { port: number; tokens: readonly string[]; caPem: string }): Promise<JoinOutcome[]>;
}

export interface SwarmStatus {
  readonly connected: number;
  readonly stored: number;
  readonly offeredOlder: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly failedTries: Readonly<Record<string, number>>;
}

let agents: readonly SimulatedAgent[] = [];
let ports: readonly number[] = [];
let updates: number[] = [];
let stored = 0;
let reporting: readonly NodeJS.Timeout[] = [];

const commands: SwarmCommands = {
  async create({ databaseUrl, nodes }) {
    const database = openDatabase({
      url: databaseUrl,
      role: 'bulkhead_app',
      applicationName: 'bench-swarm',
    });
    const keyring = await keyringOf({ app: database });
    await database.close();
    const credentials = await issueCredentials(keyring, nodes);
    agents = credentials.map((each, at) => {
      const onUpdate = () => updates.push(performance.timeOrigin + performance.now());
      return new SimulatedAgent({
        ...each,
        name: nodes[at]?.name ?? '',
        ports: () => ports,
        onUpdate,
      });
    });
  },
  direct(to) {
    ports = to;
  },
  start() {
    for (const agent of agents) agent.start();
  },
  status() {
    return {
      connected: agents.filter(({ isConnected }) => isConnected).length,
      offeredOlder: agents.filter(({ wasOfferedOlder }) => wasOfferedOlder).length,
      stored,
      failures: summed(agents.map((agent) => agent.failures)),
      failedTries: summed(agents.map((agent) => agent.failedTries)),
    };
  },
  takeUpdates() {
    const taken = updates;
    updates = [];
    return taken;
  },
  report({ agents: count, everyMs, events }) {
    for (const timer of reporting) clearInterval(timer);
    const payload = batchPayload(events);
    reporting = agents.slice(0, count).map((agent) =>
      setInterval(
        () => {
          agent.sendBatch(payload, events).stored.then(() => {
            stored += 1;
          });
        },
        everyMs * (0.9 + Math.random() / 5),
      ),
    );
  },
  join: joinTwice,
};

function summed(counts: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [code, count] of counts.flatMap((each) => [...each])) {
    sum[code] = (sum[code] ?? 0) + count;
  }
  return sum;
}

process.on('message', async ({ id, name, args }: SwarmRequest) => {
  const command: (args: never) => unknown = commands[name];
  try {
    process.send?.({ id, result: await command(args as never) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? '') : String(error) });
  }
});

export interface SwarmRequest {
  readonly id: number;
  readonly name: keyof SwarmCommands;
  readonly args: unknown;
}

export interface SwarmAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}
