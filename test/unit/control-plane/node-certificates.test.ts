import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  judgeCertificate,
  newNodeSerial,
  placeOfSerial,
  type ShownCertificate,
} from '../../../control-plane/domain/node-certificates.js';

const MINUTE_MS = 60_000;
/** A connection that is silent for longer is ended. */
const STALLED_MS = 80_000;

/** The edge, as far as certificates go: what its row says, and how a call changes it. */
class Edge {
  nowMs = 0;
  isQuarantined = false;
  #shown: Omit<ShownCertificate, 'ageMs'> = { join: 1, generation: 0, serial: undefined };
  #shownAtMs = 0;

  /** false: refused. */
  call(serial: string): boolean {
    const place = placeOfSerial(serial);
    if (!place || this.isQuarantined) return false;
    const shown = { ...this.#shown, ageMs: this.nowMs - this.#shownAtMs };
    const verdict = judgeCertificate(serial, place, shown);
    if (verdict === 'next') {
      this.#shown = { ...place, serial };
      this.#shownAtMs = this.nowMs;
    }
    if (verdict === 'cloned') this.isQuarantined = true;
    return verdict === 'next' || verdict === 'current';
  }

  /** The answer to Renew; undefined: refused. */
  renew(serial: string): string | undefined {
    const place = placeOfSerial(serial);
    if (!place || !this.call(serial)) return undefined;
    return newNodeSerial({ join: place.join, generation: place.generation + 1 });
  }
}

/** How an attempt to renew ends: `late` arrives after the agent has given up on it and gone on. */
type Renewal =
  | 'answered'
  | 'lost'
  | 'late'
  | 'crash before it is stored'
  | 'crash before it is used';

/** An agent that holds to the rule: what it got is stored before it is used, and the former is never used again. */
class Agent {
  #disk: string;
  #memory: string;
  #underWay: { readonly sinceMs: number; readonly arrives: () => unknown }[] = [];
  #renewedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly edge: Edge,
    serial: string,
  ) {
    this.#disk = serial;
    this.#memory = serial;
  }

  call(): void {
    this.edge.call(this.#memory);
  }

  /** Sent, given up, and still on its way. */
  callLate(): void {
    const serial = this.#memory;
    this.#send(() => this.edge.call(serial));
  }

  renew(how: Renewal): void {
    const serial = this.#memory;
    if (how === 'late') {
      this.#send(() => this.edge.renew(serial));
      return;
    }
    // Twice a day, or after a pause where it is asked again.
    if (this.edge.nowMs - this.#renewedAtMs < 2 * MINUTE_MS) return;
    const next = this.edge.renew(serial);
    if (next === undefined || how === 'lost') return;
    if (how !== 'crash before it is stored') this.#disk = next;
    // Started again, or the one that it just stored: what is on disk is used.
    this.#memory = this.#disk;
    this.#renewedAtMs = this.edge.nowMs;
    if (how === 'answered') this.call();
  }

  /** Whatever was under way arrives, in another order than it was sent in; or what cannot be any longer. */
  arrive(): void {
    for (const { arrives } of this.#underWay.splice(0).reverse()) arrives();
  }

  arriveInTime(): void {
    const isOld = this.#underWay.some(({ sinceMs }) => this.edge.nowMs - sinceMs >= STALLED_MS);
    if (isOld) this.arrive();
  }

  #send(arrives: () => unknown): void {
    this.#underWay.push({ sinceMs: this.edge.nowMs, arrives });
  }

  copy(): Agent {
    return new Agent(this.edge, this.#disk);
  }
}

interface Step {
  readonly act: 'call' | 'callLate' | 'renew' | 'arrive';
  readonly how: Renewal;
  readonly second: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    act: fc.constantFrom('call', 'callLate', 'renew', 'arrive'),
    how: fc.constantFrom<Renewal>(
      'answered',
      'lost',
      'late',
      'crash before it is stored',
      'crash before it is used',
    ),
    second: fc.boolean(),
  }),
  { maxLength: 60 },
);

function act(agent: Agent, { act: what, how }: Step): void {
  if (what === 'renew') agent.renew(how);
  else agent[what]();
}

const first = () => newNodeSerial({ join: 1, generation: 1 });

describe('a serial', () => {
  it('says its place, in the form that RFC 5280 gives it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xff_ffff }),
        fc.integer({ min: 1, max: 0x7fff_ffff }),
        (join, generation) => {
          const serial = newNodeSerial({ join, generation });
          expect(placeOfSerial(serial)).toEqual({ join, generation });
          expect(serial).toMatch(/^[1-7][0-9a-f]{39}$/);
        },
      ),
    );
    expect(newNodeSerial({ join: 1, generation: 1 })).not.toBe(first());
    // As versions before made them: 16 bytes that begin with 0x40 to 0x7f.
    expect(placeOfSerial(`4${'0'.repeat(31)}`)).toBeUndefined();
    expect(placeOfSerial('')).toBeUndefined();
  });
});

describe('an honest agent', () => {
  it('is never taken for a clone, whatever is lost, late or cut off', () => {
    fc.assert(
      fc.property(steps, (what) => {
        const edge = new Edge();
        const agent = new Agent(edge, first());
        for (const step of what) {
          edge.nowMs += STALLED_MS / 4;
          agent.arriveInTime();
          act(agent, step);
        }
        agent.arrive();
        expect(edge.isQuarantined).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('that asked twice to join uses the certificate that it got, and nobody the one that was lost', () => {
    const edge = new Edge();
    const [lost, kept] = [first(), first()];
    expect(edge.call(kept)).toBe(true);
    expect(edge.call(lost)).toBe(false);
    expect(edge.isQuarantined).toBe(true);
  });
});

describe('two that hold one key', () => {
  it('are found once one has renewed and the other calls, whoever was quicker', () => {
    fc.assert(
      fc.property(steps, steps, fc.boolean(), (alone, both, secondRenews) => {
        const edge = new Edge();
        const agent = new Agent(edge, first());
        for (const step of alone) act(agent, step);
        agent.arrive();
        edge.nowMs += 5 * MINUTE_MS;
        const clone = agent.copy();
        for (const step of both) {
          edge.nowMs += MINUTE_MS;
          act(step.second ? clone : agent, step);
        }
        const [renews, calls] = secondRenews ? [clone, agent] : [agent, clone];
        edge.nowMs += 5 * MINUTE_MS;
        renews.renew('answered');
        edge.nowMs += 5 * MINUTE_MS;
        calls.call();
        expect(edge.isQuarantined).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('are both out then', () => {
    const edge = new Edge();
    const serial = first();
    const next = edge.renew(serial) ?? '';
    expect(edge.call(next)).toBe(true);
    edge.nowMs += 5 * MINUTE_MS;
    expect(edge.call(serial)).toBe(false);
    expect(edge.call(next)).toBe(false);
  });

  it('are not told apart where a call was late', () => {
    const edge = new Edge();
    const serial = first();
    const next = edge.renew(serial) ?? '';
    expect(edge.call(next)).toBe(true);
    edge.nowMs += STALLED_MS;
    expect(edge.call(serial)).toBe(false);
    expect(edge.isQuarantined).toBe(false);
    expect(edge.call(next)).toBe(true);
  });
});

it('a certificate of a former join is out, and quarantines nobody', () => {
  const shown = { join: 3, generation: 2, serial: 'ff', ageMs: 10 * MINUTE_MS };
  expect(judgeCertificate('aa', { join: 2, generation: 9 }, shown)).toBe('former');
  expect(judgeCertificate('aa', { join: 4, generation: 1 }, shown)).toBe('next');
});
