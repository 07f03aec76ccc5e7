import { describe, expect, it } from '@jest/globals';
import { listSources } from '../support/sources.js';

/** Who may import whom, the longest folder that fits counts. What a folder does not name, it may not import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'proto/ts/gen': ['proto/ts/gen'],
  'proto/ts/wire': ['proto/ts/wire', 'proto/ts/gen'],
  // Of the wire only what is pure: the language runs in a browser too.
  'proto/ts/policy': ['proto/ts/policy', 'proto/ts/wire/errors.js', 'proto/ts/wire/limits.js'],
  'control-plane/domain': ['control-plane/domain', 'proto/ts'],
  'control-plane/keys': [
    'control-plane/keys',
    'control-plane/kms',
    'control-plane/domain',
    'control-plane/store',
    'proto/ts',
  ],
  'control-plane/kms': ['control-plane/kms', 'proto/ts'],
  'control-plane/store': [
    'control-plane/store',
    'control-plane/tracing',
    'control-plane/domain',
    'proto/ts',
  ],
  'control-plane/metrics': ['control-plane/metrics'],
  'control-plane/tracing': ['control-plane/tracing'],
  'control-plane/rpc': [
    'control-plane/rpc',
    'control-plane/metrics',
    'control-plane/tracing',
    'control-plane/domain',
    'control-plane/store',
    'proto/ts',
  ],
  // Whom a tenant names is asked under the guard that webhooks have.
  'control-plane/identity': [
    'control-plane/identity',
    'control-plane/sinks/address-guard.js',
    'control-plane/domain',
    'proto/ts',
  ],
  'control-plane/http': [
    'control-plane/http',
    'control-plane/identity',
    'control-plane/metrics',
    'control-plane/tracing',
    'control-plane/domain',
    'control-plane/store',
    'proto/ts',
  ],
  'control-plane/sinks': ['control-plane/sinks', 'control-plane/domain', 'proto/ts'],
  'control-plane/jobs': [
    'control-plane/jobs',
    'control-plane/metrics',
    'control-plane/tracing',
    'control-plane/sinks',
    'control-plane/domain',
    'control-plane/store',
    'proto/ts',
  ],
  'control-plane/cli': ['control-plane/cli', 'control-plane/domain', 'proto/ts'],
  'control-plane': ['control-plane', 'proto/ts'],
  'node-agent/native': ['node-agent/native', 'proto/ts'],
  'node-agent/containers': ['node-agent/containers', 'node-agent/native', 'proto/ts'],
  'node-agent/policy': [
    'node-agent/policy',
    'node-agent/containers',
    'node-agent/native',
    'node-agent/files.js',
    'proto/ts',
  ],
  'node-agent/events': [
    'node-agent/events',
    'node-agent/native',
    'node-agent/files.js',
    'proto/ts',
  ],
  'node-agent/uplink': [
    'node-agent/uplink',
    'node-agent/events',
    'node-agent/policy',
    'node-agent/files.js',
    'proto/ts',
  ],
  'node-agent': ['node-agent', 'proto/ts'],
  'deploy/local': ['deploy/local', 'control-plane/launch.js', 'node-agent/containers', 'proto/ts'],
  test: ['test', 'proto/ts', 'control-plane', 'node-agent', 'deploy/local'],
  '': [],
};

const folders = Object.keys(MAY_IMPORT).sort((a, b) => b.length - a.length);
const isIn = (path: string, folder: string) =>
  folder === '' || path === folder || path.startsWith(`${folder}/`);
const folderOf = (path: string) => folders.find((folder) => isIn(path, folder)) ?? '';

describe('who imports whom', () => {
  const sources = listSources();

  it('every import is in the table', () => {
    const wrong = sources.flatMap((file) => {
      const allowed = MAY_IMPORT[folderOf(file.path)] ?? [];
      return file.imports
        .filter(({ isOurs, target }) => isOurs && !allowed.some((folder) => isIn(target, folder)))
        .map(({ target }) => `${file.path} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('every folder of the table has sources', () => {
    const empty = folders.filter(
      (folder) =>
        folder !== '' && folder !== 'proto/ts/gen' && !sources.some((f) => isIn(f.path, folder)),
    );
    expect(empty).toEqual([]);
  });
});
