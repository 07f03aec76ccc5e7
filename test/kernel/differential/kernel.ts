import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type BoundSet, bindPolicies } from '../../../proto/ts/policy/bind.js';
import {
  encodeContainer,
  encodeResponseRef,
  kernelAutomaton,
  kernelTable,
} from '../../../proto/ts/policy/kernel-table.js';
import type { BundledPolicy } from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { eventsOf, FACTS, type SeenEvent, type Stage } from '../stage.js';
import type { Act } from './acts.js';
import type { Driver } from './driver.js';
import { nameOf } from './outcome.js';
import type { World } from './world.js';

/** What is in force for a container, and the candidate beside it. */
export interface Bound {
  readonly id: number;
  readonly set: BoundSet;
  readonly candidate: BoundSet | undefined;
}

const CONTAINER = { ...FACTS, imageDigest: `sha256:${'a'.repeat(64)}` };
const MARK: Act = {
  ...{ worker: 0, isAdopted: false, name: 'fork', path: '', other: '', numbers: [0, 0], steps: [] },
};

/** Puts policies in force for the container of the stage. */
export class Sets {
  readonly #stage: Stage;
  readonly #device: bigint;
  #next = 1;

  constructor(stage: Stage, world: World) {
    this.#stage = stage;
    this.#device = statSync(world.root, { bigint: true }).dev;
  }

  bind(policies: readonly BundledPolicy[], candidates: readonly BundledPolicy[] = []): Bound {
    const set = bindPolicies(policies, CONTAINER);
    const candidate = candidates.length > 0 ? bindPolicies(candidates, CONTAINER) : undefined;
    const id = this.#put(set);
    this.#stage.engine.setContainer({
      cgroupId: this.#stage.idOf('c1'),
      activeSet: id,
      ...(candidate && { candidateSet: this.#put(candidate) }),
      rootDevice: this.#device,
      facts: encodeContainer(CONTAINER),
    });
    return { id, set, candidate };
  }

  #put(set: BoundSet): number {
    const id = this.#next;
    this.#next += 1;
    // Events tell the selectors of a response; here its name, which is unique.
    const refs = set.responses.map((response) =>
      encodeResponseRef({ ...response.ref, selectors: [nameOf(response)] }),
    );
    this.#stage.engine.setPolicySet(id, kernelTable(set), refs, kernelAutomaton(set));
    return id;
  }
}

/**
 * All that was told so far, by process, but for ends of processes. A last fork in each ring says
 * that everything before it has come.
 */
export async function allEvents(
  stage: Stage,
  sets: Sets,
  driver: Driver,
): Promise<ReadonlyMap<number, readonly SeenEvent[]>> {
  const marks = [await markIn('alert', sets, driver), await markIn('log', sets, driver)];
  const byProcess = new Map<number, SeenEvent[]>();
  const deadline = performance.now() + 30_000;
  for (let read = 0; !marks.every((pid) => byProcess.has(pid)); ) {
    for (const batch of stage.batches.slice(read)) {
      read += 1;
      for (const event of eventsOf(batch)) {
        if (event.kind === 'EVENT_KIND_EXIT') continue;
        byProcess.set(event.pid, [...(byProcess.get(event.pid) ?? []), event]);
      }
    }
    if (performance.now() > deadline) throw new Error('the last events did not come');
    await delay(10);
  }
  const { alert_ring_full: alerts = 0n, telemetry_ring_full: telemetry = 0n } = stage.counters();
  assert.deepEqual({ alerts, telemetry }, { alerts: 0n, telemetry: 0n }, 'events were lost');
  for (const pid of marks) byProcess.delete(pid);
  return byProcess;
}

async function markIn(action: 'alert' | 'log', sets: Sets, driver: Driver): Promise<number> {
  const { policy } = parsePolicy(`
process:
  selectors: [{ name: every, operation: [fork] }]
  responses: [{ match: [every], actions: [${action}] }]
`);
  if (!policy) throw new Error('the policy of the marks is refused');
  sets.bind([{ policyId: 'mark', version: 1, name: 'mark', mode: 'enforce', policy }]);
  const [answer] = await driver.carryOut([MARK]);
  return answer?.pid ?? 0;
}
