import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../support/sources.js';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = read('bpf/README.md');

/** Names of an X-macro list of bpf/include/abi.h. */
function listOf(name: string): string[] {
  const [, body = ''] = new RegExp(`#define ${name}\\(X\\)((?:.*\\\\\\n)*.*)`).exec(
    read('bpf/include/abi.h'),
  ) ?? [''];
  return [...body.matchAll(/X\((\w+)/g)].map(([, word]) => word ?? '');
}

describe('bpf/README.md', () => {
  it('names every counter', () => {
    const counters = listOf('BH_COUNTERS');
    expect(counters.length).toBeGreaterThan(20);
    expect(counters.filter((name) => !README.includes(`\`${name}\``))).toEqual([]);
  });

  it('names every hook that a program is for, and no other', () => {
    const sources = readdirSync(join(ROOT, 'bpf')).filter((name) => name.endsWith('.bpf.c'));
    const text = sources.map((name) => read(`bpf/${name}`)).join('\n');
    const plain = [...text.matchAll(/SEC\("((?:lsm|fmod_ret|fexit|tp_btf)\/\w+)"\)/g)].map(
      ([, at]) => at,
    );
    const both = [...text.matchAll(/^BH_FILE_HOOK\((\w+)/gm)].flatMap(([, name]) => [
      `lsm/${name}`,
      `fmod_ret/security_${name}`,
    ]);
    const table = [...README.matchAll(/`((?:lsm|fmod_ret|fexit|tp_btf)\/\w+)`/g)].map(
      ([, at]) => at,
    );
    expect(both.length).toBeGreaterThan(10);
    expect([...new Set(table)].sort()).toEqual([...new Set([...plain, ...both])].sort());
  });
});
