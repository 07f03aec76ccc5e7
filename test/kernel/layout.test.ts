import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { layout } from '../../node-agent/native/native.js';
import {
  POLICY_RESPONSE_LAYOUT,
  POLICY_SELECTOR_LAYOUT,
  POLICY_SET_LAYOUT,
  USER_RANGE_LAYOUT,
} from '../../proto/ts/policy/kernel-table.js';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';

interface BtfStruct {
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly members: readonly { readonly name: string; readonly bits_offset: number }[];
}

/** The structs of the kernel object as its own BTF tells them: name -> size and offsets in bytes. */
function layoutFromBtf() {
  const object = join(ROOT, 'bpf/build/bulkhead.bpf.o');
  const output = execFileSync('bpftool', ['btf', 'dump', 'file', object, '-j'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const { types }: { types: BtfStruct[] } = JSON.parse(output);
  const structs = types.filter(({ kind, name }) => kind === 'STRUCT' && name.startsWith('bh_'));
  return new Map(
    structs.map(({ name, size, members }) => [
      name,
      {
        size,
        members: Object.fromEntries(members.map((m) => [m.name, m.bits_offset / 8])),
      },
    ]),
  );
}

/** Of the programs alone. */
const INNER = [
  ...['bh_scratch', 'bh_place', 'bh_outcome', 'bh_act', 'bh_walk', 'bh_march', 'bh_marching'],
  ...['bh_automaton', 'bh_climb', 'bh_comparing', 'bh_mapping', 'bh_scratch_holder'],
  ...['bh_protected', 'bh_name', 'bh_search'],
];

describeOnKernel('the layout that kernel, addon and policy compiler share', () => {
  const kernel = layoutFromBtf();

  it.each(Object.entries(layout()))('%s: addon', (name, addon) => {
    expect(addon).toEqual(kernel.get(name));
    expect(addon.size).toBeGreaterThan(0);
  });

  it('covers every struct that both sides see', () => {
    const shared = [...kernel.keys()].filter(
      (name) =>
        !INNER.includes(name) && !name.endsWith('_record') && !name.includes('_automaton_of_'),
    );
    expect(Object.keys(layout()).sort()).toEqual(shared.sort());
  });

  it.each([
    ['bh_policy_set', POLICY_SET_LAYOUT],
    ['bh_policy_selector', POLICY_SELECTOR_LAYOUT],
    ['bh_user_range', USER_RANGE_LAYOUT],
    ['bh_policy_response', POLICY_RESPONSE_LAYOUT],
  ])('%s: TypeScript', (name, { size, offsets }) => {
    expect(kernel.get(name)).toEqual({ size, members: offsets });
  });
});
