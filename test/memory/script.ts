import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  detach,
  type Engine,
  layout,
  NativeError,
  openEngine,
  probe,
} from '../../node-agent/native/native.js';
import { KERNEL_CASES } from '../kernel/cases.js';
import { compiled, Stage } from '../kernel/stage.js';

/**
 * What the addon is put through under a tool that watches its memory (main.ts): wrong use, full maps,
 * an environment that ends while the thread reads, and cases that make every kind of event.
 * Arguments: folder of the acts; `all`, or how many cases, with maps that are not filled.
 */

const POLICY = `
process:
  selectors:
    - { name: somewhere, operation: [exec], processExecutable: [${paths(400)}] }
  responses:
    - { match: [somewhere], actions: [log] }
`;

/** Of so many bytes that they take an automaton of more than the smallest size. */
function paths(count: number): string {
  return Array.from({ length: count }, (_, i) => `/opt/${i * 7919}/**/lib*.so.${i}`).join();
}

function refused(code: string, call: () => unknown): void {
  assert.throws(call, (error) => error instanceof NativeError && error.code === code);
}

/** Each with an engine on a bpffs of its own. */
function withEngine(use: (engine: Engine, pinDirectory: string) => void): void {
  const bpffs = mkdtempSync(join(tmpdir(), 'bulkhead-memory-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
  const pinDirectory = join(bpffs, 'pins');
  try {
    const engine = openEngine({ pinDirectory });
    try {
      use(engine, pinDirectory);
    } finally {
      engine.close();
      detach(pinDirectory);
    }
  } finally {
    execFileSync('umount', [bpffs]);
    rmSync(bpffs, { recursive: true });
  }
}

function misuse(engine: Engine, pinDirectory: string): void {
  const facts = new Uint8Array(8);
  refused('BUSY', () => openEngine({ pinDirectory }));
  refused('NOT_BPFFS', () => openEngine({ pinDirectory: join(tmpdir(), 'bulkhead-no-bpffs') }));
  rmSync(join(tmpdir(), 'bulkhead-no-bpffs'), { recursive: true });
  // Of other types than are declared.
  for (const wrong of [undefined, null, -1, 'text', {}, [], Symbol('no'), new Uint8Array(3)]) {
    const call = (name: keyof Engine, ...words: unknown[]) =>
      assert.throws(() => (engine[name] as (...words: unknown[]) => unknown)(...words));
    call('watchCgroup', wrong);
    call('setContainer', { cgroupId: wrong, activeSet: 0, facts });
    call('setContainer', { cgroupId: 5n, activeSet: wrong, facts });
    call('setContainer', { cgroupId: 5n, activeSet: 0, facts, nested: [wrong] });
    call('commit', wrong, wrong);
    call('start', { onBatch: wrong });
  }
  engine.close();
  engine.close();
  refused('CLOSED', () => engine.counters());
  refused('CLOSED', () => engine.setContainer({ cgroupId: 5n, activeSet: 0, facts }));
  refused('CLOSED', () => engine.start({ onBatch: () => undefined }));
  const objectPath = process.execPath;
  refused('INVALID_ARGUMENT', () => openEngine({ pinDirectory, objectPath }));
}

/** `isWhole`: to the last entry; else some of each. */
function fill(engine: Engine, isWhole: boolean): void {
  const { table, responses, automaton } = compiled(POLICY);
  const put = (id: number) => engine.setPolicySet(id, table, responses, automaton);
  const sets = isWhole ? 1024 : 30;
  for (let id = 1; id <= sets; id += 1) put(id);
  if (isWhole) refused('MAP_FULL', () => put(sets + 1));
  const facts = new Uint8Array(100);
  const bind = (cgroupId: bigint) =>
    engine.setContainer({ cgroupId, activeSet: 1, candidateSet: 2, facts });
  const containers = isWhole ? 10_240n : 300n;
  for (let id = 1n; id <= containers; id += 1n) bind(id);
  if (isWhole) refused('MAP_FULL', () => bind(containers + 1n));
  assert.equal(engine.containerIds().length, Number(containers));
  engine.start({ onBatch: () => undefined });
  for (let id = 1n; id <= containers; id += 1n) engine.deleteContainer(id);
  engine.stop();
  for (const id of engine.policySetIds().slice(0, 50)) engine.deletePolicySet(id);
  engine.comparisons();
  engine.counters();
}

/** An environment of Node that ends while its engine's thread reads. */
async function endInWorker(): Promise<void> {
  const bpffs = mkdtempSync(join(tmpdir(), 'bulkhead-memory-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
  try {
    for (const terminated of [true, false]) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { bpffs, terminated } });
      const ended = once(worker, 'exit');
      await once(worker, 'message');
      if (terminated) await worker.terminate();
      await ended;
    }
    detach(join(bpffs, 'pins'));
  } finally {
    execFileSync('umount', [bpffs]);
    rmSync(bpffs, { recursive: true });
  }
}

function inWorker({ bpffs, terminated }: { bpffs: string; terminated: boolean }): void {
  const engine = openEngine({ pinDirectory: join(bpffs, 'pins') });
  engine.start({ onBatch: () => undefined });
  parentPort?.postMessage('started');
  // Forgotten, not closed.
  if (terminated) setInterval(() => engine.counters(), 1000);
  else setTimeout(() => process.exit(0), 10);
}

async function main(): Promise<void> {
  const [acts = '', which = 'all'] = process.argv.slice(2);
  const { hooks, missing } = probe();
  assert.deepEqual([...missing], []);
  assert.ok(Object.keys(layout()).length > 10);
  const steps: [string, () => void | Promise<void>][] = [
    ['wrong use', () => withEngine(misuse)],
    ['full maps', () => withEngine((engine) => fill(engine, which === 'all'))],
    ['environments that end', endInWorker],
  ];
  const has = (name: string) =>
    hooks.some(({ hook, backend }) => hook === name && backend !== 'none');
  const cases = KERNEL_CASES.filter(({ hooks: needed = [] }) => needed.every(has));
  for (const { name, run } of which === 'all' ? cases : cases.slice(0, Number(which))) {
    const inStage = async () => {
      const stage = await Stage.open(acts);
      await run(stage).finally(() => stage.close());
    };
    steps.push([name, inStage]);
  }
  for (const [name, run] of steps) {
    await run();
    console.log(`ok ${name}`);
  }
  console.log(`${steps.length} steps`);
}

if (isMainThread) await main();
else inWorker(workerData);
