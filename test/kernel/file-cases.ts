import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelCase } from './cases.js';
import type { ActResult, SeenEvent, Stage } from './stage.js';

const FILE_OPERATIONS = [
  ...['createFile', 'createExecutable', 'modifyFile', 'modifyExecutable', 'deleteFile'],
  ...['openFile', 'renameFile'],
] as const;

/** One response for each operation, below /etc and /tmp, and for loads. */
function everyOperation(actions: string): string {
  const selectors = FILE_OPERATIONS.map(
    (name) => `{ name: ${name}, operation: [${name}], targetFilePath: ['/etc/**', '/tmp/**'] }`,
  );
  const responses = FILE_OPERATIONS.map((name) => `{ match: [${name}], actions: ${actions} }`);
  return `
process:
  selectors: [{ name: load, operation: [load], executableOrigin: [writable, memory, volume] }]
  responses: [{ match: [load], actions: ${actions} }]
file:
  selectors: [${selectors.join()}]
  responses: [${responses.join()}]
`;
}

const LOG = everyOperation('[log]');

/** Acts of test/kernel/acts/files.c, and what each is: operations of a path, `<` before its other name. */
const ACTS: readonly (readonly [act: string, ...expected: string[]])[] = [
  ['open /etc/config', 'openFile /etc/config'],
  ['write /etc/config', 'modifyFile /etc/config'],
  ['truncate /etc/data', 'modifyFile /etc/data'],
  ['create /tmp/new 0644', 'createFile /tmp/new'],
  ['create /tmp/tool 0755', 'createExecutable createFile /tmp/tool'],
  ['create /tmp/new 0644', 'modifyFile /tmp/new'],
  ['write /tmp/tool', 'modifyExecutable modifyFile /tmp/tool'],
  ['node /tmp/node', 'createFile /tmp/node'],
  ['fifo /tmp/fifo', 'createFile /tmp/fifo'],
  ['symlink /etc/config /tmp/symlink', 'createFile /tmp/symlink'],
  ['open /tmp/symlink', 'openFile /etc/config'],
  ['link /tmp/tool /tmp/linked', 'createExecutable createFile /tmp/linked < /tmp/tool'],
  ['tmpfile /tmp /tmp/named', 'createExecutable createFile /tmp/named'],
  ['mode /tmp/new 0755', 'createExecutable /tmp/new'],
  ['mode /tmp/tool 0700'],
  [
    'rename /tmp/new /tmp/renamed',
    'deleteFile renameFile /tmp/new < /tmp/renamed',
    'createExecutable createFile /tmp/renamed < /tmp/new',
  ],
  [
    'rename /tmp/renamed /etc/other',
    'deleteFile renameFile /tmp/renamed < /etc/other',
    'createExecutable modifyFile /etc/other < /tmp/renamed',
  ],
  [
    'exchange /etc/other /etc/data',
    'modifyExecutable modifyFile renameFile /etc/other < /etc/data',
    'createExecutable modifyFile renameFile /etc/data < /etc/other',
  ],
  ['delete /tmp/node', 'deleteFile /tmp/node'],
  ['delete-directory /tmp/folder', 'deleteFile /tmp/folder'],
  ['load /tmp/tool', 'openFile /tmp/tool', 'load /tmp/tool'],
  ['protect /tmp/linked', 'openFile /tmp/linked', 'load /tmp/linked'],
  ['anonymous now'],
  ['ring open /etc/config', 'openFile /etc/config'],
  ['ring-worker open /etc/config', 'openFile /etc/config'],
  ['ring-worker create /tmp/ring 0644', 'createFile /tmp/ring'],
  [
    'ring rename /tmp/ring /tmp/rung',
    'deleteFile renameFile /tmp/ring < /tmp/rung',
    'createFile /tmp/rung < /tmp/ring',
  ],
  ['ring-worker link /tmp/rung /tmp/ring', 'createFile /tmp/ring < /tmp/rung'],
  ['ring unlink /tmp/rung', 'deleteFile /tmp/rung'],
];

/** Acts that a policy forbids, and what must be as before. */
const FORBIDDEN: readonly (readonly [act: string, operation: string])[] = [
  ['open /etc/protected/file', 'openFile'],
  ['write /etc/protected/file', 'modifyFile'],
  ['truncate /etc/protected/file', 'modifyFile'],
  ['create /etc/protected/new 0644', 'createFile'],
  ['create /etc/protected/new 0755', 'createExecutable'],
  ['node /etc/protected/new', 'createFile'],
  ['fifo /etc/protected/new', 'createFile'],
  ['symlink /etc/config /etc/protected/new', 'createFile'],
  ['link /etc/config /etc/protected/new', 'createFile'],
  ['tmpfile /tmp /etc/protected/new', 'createExecutable'],
  ['mode /etc/protected/file 0755', 'createExecutable'],
  ['rename /etc/protected/file /tmp/moved', 'deleteFile'],
  ['rename /etc/protected/file /tmp/moved', 'renameFile'],
  ['rename /etc/config /etc/protected/new', 'createFile'],
  ['rename /etc/config /etc/protected/file', 'modifyFile'],
  ['exchange /etc/config /etc/protected/file', 'renameFile'],
  ['delete /etc/protected/file', 'deleteFile'],
  ['delete-directory /etc/protected/folder', 'deleteFile'],
  ['ring open /etc/protected/file', 'openFile'],
  ['ring-worker create /etc/protected/new 0644', 'createFile'],
  ['ring rename /etc/protected/file /tmp/moved', 'renameFile'],
  ['ring-worker link /etc/config /etc/protected/new', 'createFile'],
  ['ring-worker unlink /etc/protected/file', 'deleteFile'],
];

const forbid = (operation: string, path: string) => `
file:
  selectors: [{ name: forbidden, operation: [${operation}], targetFilePath: ['${path}'] }]
  responses: [{ match: [forbidden], actions: [alert, block] }]
`;

/** What the container sees below a folder: names, modes, contents. */
function treeOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    const { mode } = lstatSync(path);
    return `${entry.name} ${mode.toString(8)} ${entry.isFile() ? readFileSync(path, 'utf8') : ''}`;
  });
}

/** Overlayfs makes files without a name since 6.3. */
function isUnknownHere(act: string, { exitCode, stderr }: ActResult): boolean {
  return act.startsWith('tmpfile ') && exitCode === 100 && stderr.includes('not supported');
}

function said({ operations, file }: SeenEvent): string {
  const other = file.other === '' ? '' : ` < ${file.other}`;
  return `${operations.join(' ')} ${file.path}${other}`;
}

/** A new container for each act would be slow: a mark between them instead. */
async function actsOf(stage: Stage): Promise<string[][]> {
  const seen: string[][] = [];
  for (const [index, [act]] of ACTS.entries()) {
    const before = stage.events().length;
    const result = await stage.files(...act.split(' '));
    if (isUnknownHere(act, result)) {
      seen.push(ACTS[index]?.slice(1) ?? []);
      continue;
    }
    assert.equal(result.exitCode, 0, `${act}: ${result.stderr}`);
    const end = await stage.files('open', `/tmp/mark-${index}`);
    assert.equal(end.exitCode, 0, end.stderr);
    await stage.event(({ file }) => file.path === `/tmp/mark-${index}`);
    const events = stage.events().slice(before);
    seen.push(events.filter(({ file }) => !file.path.startsWith('/tmp/mark-')).map(said));
  }
  return seen;
}

function prepare(stage: Stage): void {
  mkdirSync(join(stage.root, 'tmp/folder'));
  ACTS.forEach((_act, index) => {
    writeFileSync(join(stage.root, `tmp/mark-${index}`), '');
  });
}

export const FILE_CASES: readonly KernelCase[] = [
  {
    name: 'tells what is done to which file',
    hooks: ['open', 'create', 'change', 'delete', 'rename', 'load'],
    async run(stage) {
      prepare(stage);
      stage.bind(LOG);
      stage.start();
      const seen = await actsOf(stage);
      for (const [index, [act, ...expected]] of ACTS.entries()) {
        assert.deepEqual(seen[index]?.sort(), expected.sort(), act);
      }
      const tool = await stage.event((event) => said(event).startsWith('createExecutable createF'));
      assert.deepEqual(tool.file, {
        ...{ path: '/tmp/tool', other: '', mode: 0o100755, newMode: 0, origin: 2 },
        volume: 'TARGET_VOLUME_NONE',
      });
      assert.equal(tool.kind, 'EVENT_KIND_FILE');
      assert.equal(tool.verdict, 'VERDICT_ALLOWED');
      assert.equal(tool.executable, '/bin/files');
      assert.equal(tool.origin, 1);
      assert.deepEqual([...tool.responses].sort(), ['createExecutable', 'createFile']);
    },
  },
  {
    name: 'denies each act on a protected file, and nothing has happened',
    hooks: ['open', 'create', 'change', 'delete', 'rename'],
    async run(stage) {
      const folder = join(stage.root, 'etc/protected');
      mkdirSync(join(folder, 'folder'), { recursive: true });
      writeFileSync(join(folder, 'file'), 'as it was');
      stage.start();
      const before = [...treeOf(folder), ...treeOf(join(stage.root, 'etc'))];
      for (const [act, operation] of FORBIDDEN) {
        stage.bind(forbid(operation, '/etc/protected/**'));
        const alerts = stage.events().filter(({ ring }) => ring === 'alerts').length;
        const result = await stage.files(...act.split(' '));
        if (isUnknownHere(act, result)) continue;
        assert.equal(result.exitCode, 126, `${act}: ${result.stderr}`);
        const after = [...treeOf(folder), ...treeOf(join(stage.root, 'etc'))];
        assert.deepEqual(after, before, act);
        const found = () =>
          stage
            .events()
            .filter(({ ring }) => ring === 'alerts')
            .slice(alerts);
        await stage.event(() => found().length > 0);
        assert.deepEqual(
          found().map(({ verdict, file }) => [verdict, file.path.slice(0, 15)]),
          [['VERDICT_DENIED', '/etc/protected/']],
          act,
        );
      }
    },
  },
  {
    name: 'denies what is loaded from the writable layer, and nothing of the image',
    hooks: ['load'],
    async run(stage) {
      stage.bind(`
process:
  selectors: [{ name: drifted, operation: [load], executableOrigin: [writable, memory, volume, unknown] }]
  responses: [{ match: [drifted], actions: [alert, block] }]
`);
      stage.start();
      const copied = await stage.act('copy', '/bin/other', '/tmp/library');
      assert.equal(copied.exitCode, 0, copied.stderr);
      for (const act of ['load', 'protect', 'protect-beside', 'protect-key']) {
        const image = await stage.files(act, '/bin/other');
        assert.equal(image.exitCode, 0, image.stderr);
        const drifted = await stage.files(act, '/tmp/library');
        assert.equal(drifted.exitCode, stage.stopped.exitCode, drifted.stderr);
      }
      const compiler = await stage.files('anonymous', 'now');
      assert.equal(compiler.exitCode, 0, compiler.stderr);
      const { kind, verdict, file, origin } = await stage.event(({ ring }) => ring === 'alerts');
      assert.deepEqual(
        { kind, verdict, path: file.path, layer: file.origin, origin },
        {
          ...{ kind: 'EVENT_KIND_LOAD', verdict: stage.stopped.verdict, path: '/tmp/library' },
          ...{ layer: 2, origin: 1 },
        },
      );
    },
  },
  {
    name: 'knows the children of a process that is older than the programs',
    hooks: ['open'],
    async run(stage) {
      stage.engine.detach();
      const acting = stage.files('forked', '/tmp/now', 'open', '/etc/config');
      await stage.populated('c1');
      stage.reopen();
      stage.watch();
      stage.bind(forbid('openFile', '/etc/config'));
      stage.start();
      writeFileSync(join(stage.root, 'tmp/now'), '');
      const { exitCode, stderr } = await acting;
      assert.equal(exitCode, stage.stopped.exitCode, stderr);
      await stage.event(({ ring, file }) => ring === 'alerts' && file.path === '/etc/config');
    },
  },
  {
    name: 'tells identical opens once, with how many were left out',
    hooks: ['open'],
    async run(stage) {
      stage.bind(LOG);
      stage.start();
      const many = await stage.files('again', '/etc/config', '5000');
      assert.equal(many.exitCode, 0, many.stderr);
      const end = await stage.files('open', '/etc/data');
      assert.equal(end.exitCode, 0, end.stderr);
      await stage.event(({ file }) => file.path === '/etc/data');
      const told = stage.events().filter(({ file }) => file.path === '/etc/config');
      const { file_event_suppressed: suppressed = 0n } = stage.counters();
      assert.equal(told.length + Number(suppressed), 5000);
      assert.ok(told.length < 100, `${told.length} were told`);
      const carried = told.reduce((sum, event) => sum + event.suppressed, 0);
      assert.ok(carried <= Number(suppressed));
      stage.bind(everyOperation('[alert]'));
      await stage.files('again', '/etc/config', '50');
      await stage.files('open', '/etc/other');
      await stage.event(({ file }) => file.path === '/etc/other');
      const alerts = stage.events().filter(({ ring }) => ring === 'alerts');
      assert.equal(alerts.filter(({ file }) => file.path === '/etc/config').length, 50);
    },
  },
  {
    name: 'leaves out volumes where a policy ignores them',
    hooks: ['open'],
    async run(stage) {
      stage.bind(`
file:
  selectors:
    - { name: mounts, operation: [openFile], targetFilePath: ['/mnt/**', /etc/config, /etc/data], ignoreVolumeMounts: true }
    - { name: files, operation: [openFile], targetFilePath: ['/mnt/**', /etc/config, /etc/data], ignoreVolumeFiles: true }
  responses:
    - { match: [mounts], actions: [log] }
    - { match: [files], actions: [log] }
`);
      stage.start();
      const opened = await stage.files('open', '/etc/config');
      assert.equal(opened.exitCode, 0, opened.stderr);
      const volume = await stage.files('volume', '/etc/data', '/mnt');
      assert.equal(volume.exitCode, 0, volume.stderr);
      const events = async (path: string) => {
        const { file, responses } = await stage.event((event) => event.file.path === path);
        return [file.volume, ...[...responses].sort()];
      };
      assert.deepEqual(await events('/etc/config'), ['TARGET_VOLUME_NONE', 'files', 'mounts']);
      assert.deepEqual(await events('/mnt/inside'), ['TARGET_VOLUME_DIRECTORY', 'files']);
      assert.equal(
        stage.events().some(({ file }) => file.path === '/etc/data'),
        false,
      );
    },
  },
];
