import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HookName } from '../../node-agent/native/native.js';
import { DIFFERENTIAL_CASES } from './differential/cases.js';
import { BLOCK_DRIFT, drift, expectStopped, LOG_EVERYTHING, ORIGIN } from './drift.js';
import { ENGINE_CASES } from './engine-cases.js';
import { FILE_CASES } from './file-cases.js';
import type { Stage } from './stage.js';

/** One case: the same on every kernel and backend. Each gets a stage of its own. */
export interface KernelCase {
  readonly name: string;
  /** That stand above `none` where the case can run. */
  readonly hooks?: readonly HookName[];
  run(stage: Stage): Promise<void>;
}

const BLOCK_INTERACTIVE = `
process:
  selectors:
    - name: interactive
      operation: [exec]
      sessionLeaderInteractive: true
    - name: detached
      operation: [fork, exec]
      sessionLeaderInteractive: false
  responses:
    - match: [interactive]
      actions: [alert, block]
    - match: [detached]
      actions: [log]
`;

const BLOCK_PATHS = `
process:
  selectors:
    - name: libraries
      operation: [exec]
      processExecutable: ['/opt/**/*.so']
    - name: named
      operation: [exec]
      processName: [curl]
    - name: children
      operation: [exec]
      parentExecutable: [/bin/other]
    - name: itself
      operation: [exec]
      processExecutable: [/bin/other]
  responses:
    - match: [libraries]
      actions: [alert, block]
    - match: [named]
      actions: [alert, block]
    - match: [children]
      exclude: [itself]
      actions: [alert, block]
`;

/** UNIX98_PTY_SLAVE_MAJOR */
const PSEUDO_TERMINAL = 136;

export const KERNEL_CASES: readonly KernelCase[] = [
  {
    name: 'lets a binary of the image run, and tells of it',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      const result = await stage.act('mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      assert.equal(stage.exists('tmp/ran'), true);
      const event = await stage.event(({ kind }) => kind === 'EVENT_KIND_EXEC');
      assert.deepEqual(
        { ...event, parent: '', actor: undefined, pid: 0, session: undefined },
        {
          kind: 'EVENT_KIND_EXEC',
          verdict: 'VERDICT_ALLOWED',
          pid: 0,
          executable: '/bin/act',
          args: ['/bin/act', 'mark', '/tmp/ran'],
          parent: '',
          origin: ORIGIN.image,
          container: 'c1',
          responses: ['everything'],
          exitSignal: 0,
          actor: undefined,
          session: undefined,
          operations: ['exec'],
          file: { path: '', other: '', mode: 0, newMode: 0, origin: 0, volume: '' },
          suppressed: 0,
          ring: 'telemetry',
        },
      );
      await stage.event(({ kind }) => kind === 'EVENT_KIND_EXIT');
    },
  },
  {
    name: 'stops a copied binary before its first instruction',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      await drift(stage);
      await expectStopped(stage, 'run', '/tmp/drifted');
      const event = await stage.event(({ executable }) => executable === '/tmp/drifted');
      assert.equal(event.verdict, stage.stopped.verdict);
      assert.equal(event.origin, ORIGIN.writable);
      assert.equal(event.ring, 'alerts');
      assert.deepEqual(event.responses, ['drifted', 'everything']);
    },
  },
  {
    name: 'stops a binary that is run from memory',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      await expectStopped(stage, 'memory', '/bin/act');
      const event = await stage.event(({ ring }) => ring === 'alerts');
      assert.equal(event.origin, ORIGIN.memory);
      assert.equal(event.verdict, stage.stopped.verdict);
    },
  },
  {
    name: 'stops an image binary once it was opened for writing',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      const opened = await stage.act('copy-up', '/bin/other');
      assert.equal(opened.exitCode, 0, opened.stderr);
      await expectStopped(stage, 'run', '/bin/other');
    },
  },
  {
    name: 'stops an exec by a thread that is not the leader',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      await drift(stage);
      await expectStopped(stage, 'thread', '/tmp/drifted');
    },
  },
  {
    name: 'judges a script, its interpreter, and each script between them',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      const script = (path: string, interpreter: string) =>
        writeFileSync(join(stage.root, path), `#!${interpreter} interpret\n`, { mode: 0o755 });
      const copied = await stage.act('copy', '/bin/act', '/tmp/drifted');
      assert.equal(copied.exitCode, 0, copied.stderr);
      script('tmp/script', '/bin/other');
      script('tmp/second', '/tmp/script');
      await expectStopped(stage, 'run', '/tmp/script');
      await expectStopped(stage, 'run', '/tmp/second');
      // Files that exec closes stand before it where it is looked for afterwards.
      await expectStopped(stage, 'closing', '500', '/tmp/script');
      await expectStopped(stage, 'run', '/bin/script-of-drift');
      const free = await stage.act('run', '/bin/script', 'mark', '/tmp/free');
      assert.equal(free.exitCode, 0, free.stderr);
      const alerts = () => stage.events().filter(({ ring }) => ring === 'alerts');
      await stage.event(({ executable }) => executable === '/tmp/drifted');
      const stopped = new Set(
        alerts().map(({ executable, verdict }) => `${executable} ${verdict}`),
      );
      assert.deepEqual(
        [...stopped].sort(),
        ['/tmp/drifted', '/tmp/script', '/tmp/second'].map(
          (path) => `${path} ${stage.stopped.verdict}`,
        ),
      );
      const { script_not_judged: unknown } = stage.counters();
      assert.equal(unknown ?? 0n, 0n);
    },
  },
  {
    name: 'tells a session with a terminal from one without',
    async run(stage) {
      stage.bind(BLOCK_INTERACTIVE);
      stage.start();
      await expectStopped(stage, 'terminal', '/bin/other');
      const stopped = await stage.event(({ ring }) => ring === 'alerts');
      assert.equal(stopped.executable, '/bin/other');
      assert.equal(stopped.actor.terminalMajor, PSEUDO_TERMINAL);
      assert.deepEqual(stopped.responses, ['interactive']);
      const fork = await stage.event(({ kind }) => kind === 'EVENT_KIND_FORK');
      assert.deepEqual(fork.responses, ['detached']);
      const result = await stage.act('run', '/bin/other', 'mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      const ran = await stage.event(
        ({ kind, executable, ring }) =>
          kind === 'EVENT_KIND_EXEC' && executable === '/bin/other' && ring === 'telemetry',
      );
      assert.deepEqual(ran.responses, ['detached']);
      assert.equal(ran.actor.terminalMajor, 0);
    },
  },
  {
    name: 'tells when a process leaves its session, and takes a terminal',
    hooks: ['session'],
    async run(stage) {
      // Where it takes a program on system calls, that waits for a policy that asks for files.
      stage.bind(`${LOG_EVERYTHING}
file:
  selectors: [{ name: nothing, operation: [openFile], targetFilePath: [/nothing] }]
  responses: [{ match: [nothing], actions: [log] }]
`);
      stage.start();
      const result = await stage.act('terminal', '/bin/other', 'mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      const ran = await stage.event(
        ({ kind, executable }) => kind === 'EVENT_KIND_EXEC' && executable === '/bin/other',
      );
      const sessions = stage.events().filter(({ kind }) => kind === 'EVENT_KIND_SESSION');
      assert.deepEqual(
        sessions.map(({ pid, executable, session, actor, responses, ring }) => ({
          ...{ pid, executable, session, terminal: actor.terminalMajor, responses, ring },
        })),
        [
          {
            ...{ pid: ran.pid, executable: '/bin/act', responses: [], ring: 'telemetry' },
            session: { leader: ran.pid, leaderChanged: true, terminalChanged: false },
            terminal: 0,
          },
          {
            ...{ pid: ran.pid, executable: '/bin/act', responses: [], ring: 'telemetry' },
            session: { leader: ran.pid, leaderChanged: false, terminalChanged: true },
            terminal: PSEUDO_TERMINAL,
          },
        ],
      );
    },
  },
  {
    name: 'judges a program by its path, its name and the path of its parent',
    async run(stage) {
      stage.bind(BLOCK_PATHS);
      stage.start();
      mkdirSync(join(stage.root, 'opt/tools/deep'), { recursive: true });
      for (const path of ['/opt/tools/deep/x.so', '/opt/tools/x', '/tmp/curl', '/tmp/curly']) {
        const copied = await stage.act('copy', '/bin/act', path);
        assert.equal(copied.exitCode, 0, copied.stderr);
      }
      await expectStopped(stage, 'run', '/opt/tools/deep/x.so');
      await expectStopped(stage, 'run', '/tmp/curl');
      for (const path of ['/opt/tools/x', '/tmp/curly', '/bin/other']) {
        const result = await stage.act('run', path, 'mark', `/tmp/ran-${path.length}`);
        assert.equal(result.exitCode, 0, result.stderr);
      }
      // /bin/other may not start anything but itself.
      const { stdout } = await stage.launch(
        ...['c1', stage.root, '/bin/other', 'many'],
        ...['1', '/bin/act', 'mark', '/tmp/ran'],
      );
      assert.equal(stdout.trim(), 'stopped 1');
      assert.equal(stage.exists('tmp/ran'), false, 'it ran');
      const alerts = () => stage.events().filter(({ ring }) => ring === 'alerts');
      await stage.event(({ responses }) => responses.includes('children'));
      assert.deepEqual(
        alerts().map(({ executable, responses }) => [executable, ...responses]),
        [
          ['/opt/tools/deep/x.so', 'libraries'],
          ['/tmp/curl', 'named'],
          ['/bin/act', 'children'],
        ],
      );
    },
  },
  {
    name: 'tells who runs a program, where, and with what capabilities',
    async run(stage) {
      stage.bind(LOG_EVERYTHING);
      stage.start();
      const act = ['/bin/other', 'mark', '/tmp/ran'];
      const result = await stage.act('as', '1001', '1002', '/tmp', ...act);
      assert.equal(result.exitCode, 0, result.stderr);
      const { actor } = await stage.event(({ executable }) => executable === '/bin/other');
      assert.deepEqual(actor, {
        ...{ userId: 1002, groupId: 1002, realUserId: 1001, realGroupId: 1001 },
        ...{ effective: '0', permitted: '0' },
        ...{ directory: '/tmp', terminalMajor: 0, unlinked: false },
      });
      // Root gets what its bounding set leaves.
      const status = readFileSync('/proc/self/status', 'utf8');
      const bounding = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(status)?.[1]}`).toString();
      assert.notEqual(bounding, '0');
      const memory = await stage.act('memory', '/bin/act', 'mark', '/tmp/memory');
      assert.equal(memory.exitCode, 0, memory.stderr);
      const root = await stage.event(({ origin }) => origin === ORIGIN.memory);
      assert.deepEqual(root.actor, {
        ...{ userId: 0, groupId: 0, realUserId: 0, realGroupId: 0 },
        ...{ effective: bounding, permitted: bounding },
        ...{ directory: '/', terminalMajor: 0, unlinked: true },
      });
    },
  },
  {
    name: 'takes a tmpfs of the container for a volume',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      const result = await stage.act('tmpfs', '/bin/act', 'mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      const event = await stage.event(({ executable }) => executable === '/mnt/copy');
      assert.equal(event.origin, ORIGIN.volume);
    },
  },
  {
    name: "never takes an overlay of the container's own for the image",
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      mkdirSync(join(stage.root, 'tmp/lower'));
      const copied = await stage.act('copy', '/bin/act', '/tmp/lower/act');
      assert.equal(copied.exitCode, 0, copied.stderr);
      const result = await stage.act('overlay', '/tmp/lower', '/mnt/act', 'mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      const event = await stage.event(({ executable }) => executable === '/mnt/act');
      assert.equal(event.origin, ORIGIN.volume);
    },
  },
  {
    name: 'knows a nested cgroup before anything runs in it',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      await drift(stage);
      mkdirSync(stage.cgroup('c1/nested'));
      const words = ['/tmp/drifted', 'mark', '/tmp/ran'];
      const result = await stage.launch('c1/nested', stage.root, ...words);
      assert.equal(result.exitCode, stage.stopped.exitCode, result.stderr);
      assert.equal(stage.exists('tmp/ran'), false);
    },
  },
  {
    name: 'treats a new container that nobody told of as unknown',
    async run(stage) {
      await drift(stage);
      mkdirSync(stage.cgroup('c2'));
      const words = ['/tmp/drifted', 'mark', '/tmp/ran'];
      const before = await stage.launch('c2', stage.root, ...words);
      assert.equal(before.exitCode, 0, before.stderr);
      stage.engine.setUnknownSet(stage.putSet(BLOCK_DRIFT));
      const after = await stage.launch('c2', stage.root, ...words);
      assert.equal(after.exitCode, stage.stopped.exitCode, after.stderr);
    },
  },
  {
    name: 'never judges a process of the host',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      await drift(stage);
      const result = await stage.onHost('tmp/drifted', 'mark', join(stage.root, 'tmp/ran'));
      assert.equal(result.exitCode, 0, result.stderr);
      assert.equal(stage.exists('tmp/ran'), true);
    },
  },
  {
    name: 'exempts the runtime that enters, and nothing that has entered',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      const program = join(stage.root, 'bin/act');
      const entering = await stage.launch('c1', '-', program, 'mark', join(stage.root, 'tmp/ran'));
      assert.equal(entering.exitCode, 0, entering.stderr);
      assert.equal(stage.exists('tmp/ran'), true);
      const back = await stage.act('back', program, 'mark', join(stage.root, 'tmp/back'));
      assert.equal(back.exitCode, stage.stopped.exitCode, back.stderr);
      assert.equal(stage.exists('tmp/back'), false);
    },
  },
  {
    name: 'lets run and records would_block where a policy only observes',
    async run(stage) {
      stage.bind(BLOCK_DRIFT, 'observe');
      stage.start();
      await drift(stage);
      const result = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/ran');
      assert.equal(result.exitCode, 0, result.stderr);
      const event = await stage.event(({ executable }) => executable === '/tmp/drifted');
      assert.equal(event.verdict, 'VERDICT_WOULD_BLOCK');
    },
  },
  {
    name: 'tells of forks with the parent, and of the signal that ended a process',
    async run(stage) {
      stage.bind(LOG_EVERYTHING);
      stage.start();
      await stage.act('many', '1', '/bin/act', 'mark', '/tmp/ran');
      const fork = await stage.event(({ kind }) => kind === 'EVENT_KIND_FORK');
      assert.equal(fork.executable, '/bin/act');
      const exec = await stage.event(({ args }) => args[1] === 'mark');
      assert.equal(exec.parent, '/bin/act');
    },
  },
  ...ENGINE_CASES,
  ...FILE_CASES,
  ...DIFFERENTIAL_CASES,
];
