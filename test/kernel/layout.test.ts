import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { layout } from '../../node-agent/native/native.js';
import {
  POLICY_RESPONSE_LAYOUT,
  POLICY_SELECTOR_LAYOUT,
  POLICY_SET_LAYOUT,
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

describeOnKernel('the layout that kernel, addon and policy compiler share', () => {
  const kernel = layoutFromBtf();

  it.each(Object.entries(layout()))('%s: addon', (name, addon) => {
    expect(addon).toEqual(kernel.get(name));
    expect(addon.size).toBeGreaterThan(0);
  });

  it('covers every struct that both sides see', () => {
    const inner = ['bh_scratch', 'bh_place', 'bh_outcome', 'bh_judgement', 'bh_act', 'bh_walk'];
    const shared = [...kernel.keys()].filter(
      (name) => !inner.includes(name) && !name.endsWith('_record'),
    );
    expect(Object.keys(layout()).sort()).toEqual(shared.sort());
  });

  it('policy tables: TypeScript', () => {
    expect(kernel.get('bh_policy_set')).toEqual({
      size: POLICY_SET_LAYOUT.size,
      members: {
        selector_count: POLICY_SET_LAYOUT.selectorCount,
        response_count: POLICY_SET_LAYOUT.responseCount,
        selectors: POLICY_SET_LAYOUT.selectors,
        responses: POLICY_SET_LAYOUT.responses,
      },
    });
    const { size: selectorBytes, ...selector } = POLICY_SELECTOR_LAYOUT;
    expect(kernel.get('bh_policy_selector')).toEqual({ size: selectorBytes, members: selector });
    const { size: responseBytes, ...response } = POLICY_RESPONSE_LAYOUT;
    expect(kernel.get('bh_policy_response')).toEqual({ size: responseBytes, members: response });
  });
});
