import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { describeOnKernel } from '../support/needs.js';
import { startTestSystem, type TestSystem } from '../support/system.js';

const LOG_EXECS = `
process:
  selectors:
    - name: everything
      operation: [exec]
  responses:
    - match: [everything]
      actions: [log]
`;

interface Event {
  readonly id: string;
  readonly document: { readonly process: { readonly args: readonly string[] } };
}

describeOnKernel('events over the death of an end', () => {
  let test: TestSystem;
  let container: string;

  beforeAll(async () => {
    test = await startTestSystem();
    await test.startAgent();
    const pod = await test.runtime.pods.runPod({ name: 'counting' });
    container = await test.runtime.pods.runContainer(pod, { name: 'main' });
    await test.enforce('log-execs', LOG_EXECS);
  });

  afterAll(async () => {
    await test?.stop();
  });

  /** Runs `count` programs, each with a mark of its own. */
  async function act(mark: string, count: number): Promise<string[]> {
    const marks = Array.from({ length: count }, (_, index) => `${mark}-${index}`);
    const script = `for i in ${marks.join(' ')}; do /bin/busybox true "$i"; done`;
    const result = await test.runtime.pods.exec(container, ['sh', '-c', script]);
    expect(result.exitCode).toBe(0);
    return marks;
  }

  /** How often each mark is in the event store. */
  async function countMarks(mark: string): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    let after: string | undefined;
    do {
      const query = new URLSearchParams({ kind: 'exec', limit: '200', ...(after && { after }) });
      const page = await test.system.api.get<{ items: Event[]; nextCursor?: string }>(
        `/v1/events?${query}`,
      );
      for (const { document } of page.items) {
        const [, , last = ''] = document.process.args;
        if (last.startsWith(`${mark}-`)) counts.set(last, (counts.get(last) ?? 0) + 1);
      }
      after = page.nextCursor;
    } while (after !== undefined);
    return counts;
  }

  const once = (marks: string[]) => new Map(marks.map((mark) => [mark, 1]));
  const sorted = (counts: Map<string, number>) => [...counts].sort();

  /** Acts that come after are there too: so whatever would have come twice has come. */
  async function expectExactlyOnce(marks: string[], mark: string): Promise<void> {
    const later = await act(`${mark}after`, 5);
    await eventually(async () => {
      expect(sorted(await countMarks(`${mark}after`))).toEqual(sorted(once(later)));
    });
    expect(sorted(await countMarks(mark))).toEqual(sorted(once(marks)));
  }

  async function storedBatches(): Promise<number> {
    const { default: postgres } = await import('postgres');
    const sql = postgres(test.system.databaseUrl, { max: 1 });
    try {
      const [row] = await sql<
        { count: number }[]
      >`select count(*)::int as count from event_batches`;
      return row?.count ?? 0;
    } finally {
      await sql.end();
    }
  }

  it('brings every event once when the agent is killed before the acknowledgement', async () => {
    test.wire.withholdAnswers();
    const stored = await storedBatches();
    const marks = await act('agent', 40);
    await eventually(async () => expect(await storedBatches()).toBeGreaterThan(stored));
    test.system.agent?.kill('SIGKILL');
    await test.system.agent?.ended;
    // Nobody reads the rings now; the programs go on.
    marks.push(...(await act('agent-dead', 40)));
    test.wire.restore();
    await test.startAgent();
    await expectExactlyOnce(marks, 'agent');
  });

  it('brings every event once when the control plane is killed between COMMIT and acknowledgement', async () => {
    test.wire.withholdAnswers();
    const stored = await storedBatches();
    const marks = await act('plane', 40);
    await eventually(async () => expect(await storedBatches()).toBeGreaterThan(stored));
    test.system.controlPlane?.kill('SIGKILL');
    await test.system.controlPlane?.ended;
    marks.push(...(await act('plane-dead', 40)));
    test.wire.restore();
    await test.system.startControlPlane(test.signal);
    await expectExactlyOnce(marks, 'plane');
  });

  it('brings every event once when the agent is killed again and again', async () => {
    const marks: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const acting = act(`again-${round}`, 30);
      test.system.agent?.kill('SIGKILL');
      await test.system.agent?.ended;
      marks.push(...(await acting));
      await test.startAgent();
    }
    await expectExactlyOnce(marks, 'again');
  });
});
