import { describe, expect, it } from '@jest/globals';
import type { Operation } from '../../../proto/ts/policy/model.js';
import { documentOf, drift, fileBatch, findings, operationBits } from './batches.js';

describe('an event of a file', () => {
  it('tells the file, what was done to it, and by whom', () => {
    const operations = operationBits('createFile', 'createExecutable');
    const file = { mode: 0o100755, origin: 2, volume: 'TARGET_VOLUME_NONE', openFlags: 0o101101 };
    const event = { operations, suppressed: '18446744073709551615', verdict: 'VERDICT_DENIED' };
    const document = documentOf(fileBatch(event, file));
    expect(document).toMatchObject({
      event: {
        kind: 'alert',
        category: ['file'],
        type: ['creation', 'denied'],
        action: 'createExecutable',
        outcome: 'failure',
      },
      process: { pid: 100, executable: '/tmp/payload' },
      bulkhead: {
        operations: ['createExecutable', 'createFile'],
        executable_origin: 'writable',
        executable: { inode: '77' },
        suppressed: '18446744073709551615',
      },
    });
    expect(document?.file).toEqual({
      path: '/a/b.tar.gz',
      name: 'b.tar.gz',
      directory: '/a',
      extension: 'gz',
      type: 'file',
      inode: '18446744073709551615',
      mode: '0755',
    });
    expect(document).toHaveProperty('bulkhead.file', {
      origin: 'writable',
      volume: 'none',
      open_flags: ['O_WRONLY', 'O_CREAT', 'O_TRUNC', '0100000'],
    });
    expect(document).not.toHaveProperty('dll');
  });

  it.each<[Operation[], string, string[]]>([
    [['createFile'], 'createFile', ['creation']],
    [['createFile', 'createExecutable'], 'createExecutable', ['creation']],
    [['createExecutable'], 'createExecutable', ['change']],
    [['modifyFile'], 'modifyFile', ['change']],
    [['modifyFile', 'modifyExecutable'], 'modifyExecutable', ['change']],
    [['deleteFile'], 'deleteFile', ['deletion']],
    [['openFile'], 'openFile', ['access']],
    [['createFile', 'openFile'], 'createFile', ['creation', 'access']],
    [['deleteFile', 'renameFile'], 'renameFile', ['change', 'deletion']],
    [['createFile', 'createExecutable', 'renameFile'], 'renameFile', ['creation', 'change']],
  ])('that is %j has the action %s and the types %j', (operations, action, types) => {
    expect(documentOf(fileBatch({ operations: operationBits(...operations) }, {}))).toMatchObject({
      event: { action, type: types, category: ['file'], outcome: 'success' },
      bulkhead: { operations: expect.arrayContaining(operations) },
    });
  });

  it.each([
    [0o100644, { type: 'file', mode: '0644' }],
    [0o040755, { type: 'dir', mode: '0755' }],
    [0o120777, { type: 'symlink', mode: '0777' }],
    [0o020666, { type: 'char_device', mode: '0666' }],
    [0o060660, { type: 'block_device', mode: '0660' }],
    [0o010600, { type: 'fifo', mode: '0600' }],
    [0o140700, { type: 'socket', mode: '0700' }],
    [0o104755, { type: 'file', mode: '4755' }],
    [0o100000, { type: 'file', mode: '0000' }],
    [0o644, { type: undefined, mode: '0644' }],
    [0, { type: undefined, mode: undefined }],
  ])('of mode %o is %j', (mode, expected) => {
    const { type, mode: text } = Object(documentOf(fileBatch({}, { mode }))?.file);
    expect({ type, mode: text }).toEqual(expected);
  });

  it.each([
    ['/.bashrc', { name: '.bashrc', directory: '/' }],
    ['/etc/.d/x.', { name: 'x.', directory: '/etc/.d' }],
    ['/', { directory: undefined, name: undefined }],
    ['memfd', { name: 'memfd', directory: undefined }],
    ['', { name: undefined, path: undefined }],
  ])('at %j has these parts of a path: %j', (path, expected) => {
    const { file } = documentOf(fileBatch({}, {}, Buffer.from(path))) ?? {};
    const { name, directory, extension } = Object(file);
    expect({ path: path || undefined, name, directory, extension }).toEqual({
      path: path || undefined,
      extension: undefined,
      ...expected,
    });
  });

  it('keeps a path that is not UTF-8, its bytes as \\xNN', () => {
    const path = Buffer.from([...Buffer.from('/tmp/'), 0xff, 0x2f, 0xfe, ...Buffer.from('.so')]);
    expect(documentOf(fileBatch({}, {}, path))?.file).toMatchObject({
      path: '/tmp/\\xff/\\xfe.so',
      name: '\\xfe.so',
      directory: '/tmp/\\xff',
      extension: 'so',
    });
  });

  it('tells the other name of a rename, and what a chmod asked for', () => {
    const renamed = { otherPathString: 7, volume: 'TARGET_VOLUME_DIRECTORY', origin: 4 };
    expect(documentOf(fileBatch({}, renamed))).toHaveProperty('bulkhead.file', {
      other_path: '/a/old',
      volume: 'directory',
      origin: 'volume',
    });
    const changed = { newMode: 0o4711, volume: 'TARGET_VOLUME_FILE' };
    expect(documentOf(fileBatch({}, changed))).toHaveProperty('bulkhead.file', {
      new_mode: '4711',
      volume: 'file',
    });
  });

  it('names what a later version knows by number, and says nothing of what it was not told', () => {
    const later = { origin: 77, volume: 77, openFlags: 0xffffffff, mode: 0xffffffff };
    const document = documentOf(fileBatch({ operations: 0xffffffff }, later));
    expect(document).toMatchObject({
      event: { action: 'renameFile', type: ['creation', 'change', 'deletion', 'access'] },
      bulkhead: { file: { origin: 'unknown' } },
    });
    expect(document).not.toHaveProperty('bulkhead.file.volume');
    expect(documentOf(fileBatch({ operations: 1 << 11 }, {}))).toMatchObject({
      event: { action: 'operation_12', type: ['info'] },
      bulkhead: { operations: ['operation_12'] },
    });

    const process = { ...drift.events[0]?.process, executableOrigin: 0, executableInode: '0' };
    const untold = documentOf(fileBatch({ process }, null));
    expect(untold).toMatchObject({ event: { action: 'file', type: ['info'] } });
    for (const name of ['operations', 'suppressed', 'file', 'executable', 'executable_origin']) {
      expect(untold).not.toHaveProperty(['bulkhead', name]);
    }
    expect(untold).not.toHaveProperty('file');
  });
});

describe('an event of a load', () => {
  it('is the start of a library, and tells its file', () => {
    const event = { kind: 'EVENT_KIND_LOAD', operations: operationBits('load') };
    const document = documentOf(fileBatch(event, { origin: 3 }, Buffer.from('/tmp/x.so.6')));
    expect(document).toMatchObject({
      event: { category: ['library'], type: ['start'], action: 'load', outcome: 'success' },
      dll: { path: '/tmp/x.so.6', name: 'x.so.6' },
      file: { path: '/tmp/x.so.6', extension: '6', type: 'file', mode: '0640' },
      bulkhead: { operations: ['load'], file: { origin: 'memory' } },
    });
    const untold = documentOf(fileBatch(event, null));
    expect(untold).toMatchObject({ event: { action: 'load' } });
    expect(untold).not.toHaveProperty('dll');
  });
});

describe('a finding of a file or a load', () => {
  it.each<[string, Operation[], object, string]>([
    ['ALLOWED', ['createFile', 'createExecutable'], {}, 'created executable /a/b.tar.gz'],
    ['DENIED', ['createFile'], {}, 'was denied creating /a/b.tar.gz'],
    ['DENIED', ['createExecutable'], {}, 'was denied making /a/b.tar.gz executable'],
    [
      'KILLED',
      ['modifyFile', 'modifyExecutable'],
      {},
      'was killed modifying executable /a/b.tar.gz',
    ],
    ['WOULD_BLOCK', ['deleteFile'], {}, 'deleted /a/b.tar.gz, and would be denied when enforced'],
    ['UNDECIDED', ['modifyFile'], {}, 'modified /a/b.tar.gz, undecided'],
    ['ALLOWED', ['openFile'], {}, 'opened /a/b.tar.gz'],
    [
      'DENIED',
      ['renameFile', 'deleteFile'],
      { otherPathString: 7 },
      'was denied renaming /a/b.tar.gz (other name /a/old)',
    ],
    ['DENIED', [], { pathString: 0 }, 'was denied acting on a file'],
  ])('says what was done to which file by whom: %s %j %j', (verdict, names, file, what) => {
    const event = { verdict: `VERDICT_${verdict}`, operations: operationBits(...names) };
    const [finding] = findings(fileBatch(event, file));
    expect(finding?.title).toBe(`no-drift: /tmp/payload ${what} in web-5d`);
  });

  it('says what was loaded', () => {
    const load = { kind: 'EVENT_KIND_LOAD', operations: operationBits('load') };
    expect(findings(fileBatch(load, {}))[0]?.title).toBe(
      'no-drift: /tmp/payload loaded /a/b.tar.gz in web-5d',
    );
    const denied = { ...load, verdict: 'VERDICT_DENIED' };
    expect(findings(fileBatch(denied, null))[0]?.title).toBe(
      'no-drift: /tmp/payload was denied loading a file in web-5d',
    );
  });

  it('groups what is done to a file by the file too, whatever is done', () => {
    const key = (...of: Parameters<typeof fileBatch>) =>
      findings(fileBatch(...of))[0]?.groupKey.toString('hex');
    const made = key({ operations: operationBits('createFile') }, {});
    expect(key({ operations: operationBits('modifyFile') }, { otherPathString: 7 })).toBe(made);
    expect(key({}, {}, Buffer.from('/a/other'))).not.toBe(made);
    expect(key({ kind: 'EVENT_KIND_LOAD' }, {})).not.toBe(made);
  });
});
