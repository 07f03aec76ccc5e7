import { BulkheadError } from '../wire/errors.js';
import { buildAutomaton } from './automaton/build.js';
import { serialiseAutomaton } from './automaton/serialise.js';
import type { BoundSelector, BoundSet, ResponseRef } from './bind.js';
import { type Capability, capabilityNumber } from './capabilities.js';
import {
  actionBits,
  type ContainerFacts,
  EXECUTABLE_ORIGINS,
  OBSERVE_BIT,
  OPERATIONS,
  type Operation,
} from './model.js';
import { fitsNode, isCarriedOut, NODE_LIMITS, userRanges } from './node-support.js';
import { createWriter, writeString, writeStrings, writeUint32 } from './protobuf.js';

/**
 * struct bh_policy_set of bpf/include/abi.h, little endian: sizes and offsets in bytes. Must match
 * it; test/kernel compares both through BTF.
 */
const COUNTS = { operations: 10, origins: 6, sessions: 2, volumes: 4 } as const;
export const POLICY_SET_LAYOUT = layoutOf({
  selector_count: 4,
  response_count: 4,
  user_range_count: 4,
  automaton_class: 4,
  operations: 8 * COUNTS.operations,
  origins: 8 * COUNTS.origins,
  sessions: 8 * COUNTS.sessions,
  volumes: 8 * COUNTS.volumes,
  any_user: 8,
  executables: 8,
  parents: 8,
  targets: 8,
  capabilities: 8,
  selectors: 32 * NODE_LIMITS.selectors,
  users: 16 * NODE_LIMITS.userRanges,
  responses: 24 * NODE_LIMITS.responses,
});
/** struct bh_policy_selector */
export const POLICY_SELECTOR_LAYOUT = layoutOf({
  executables: 8,
  parents: 8,
  targets: 8,
  capabilities: 8,
});
/** struct bh_user_range */
export const USER_RANGE_LAYOUT = layoutOf({ first: 4, last: 4, selectors: 8 });
/** struct bh_policy_response */
export const POLICY_RESPONSE_LAYOUT = layoutOf({ match: 8, exclude: 8, actions: 4, pad: 4 });

/** What a selector without a condition asks for: BH_LISTS_ANY, BH_CAPABILITIES_ANY. */
export const ANY = 1n << 63n;
/** Values of bulkhead.v1.TargetVolume. */
const VOLUMES = { undecided: 0, none: 1, directory: 2, file: 3 } as const;

/**
 * The set as the kernel reads it; the addon adds how large its automaton is. Equal bytes and equal
 * lists of patterns are equal verdicts and equal fired bits.
 * @throws BulkheadError BUNDLE_NOT_LOADED when it is more than the kernel programs carry out
 */
export function kernelTable(set: BoundSet): Uint8Array {
  if (!fitsNode(set)) {
    throw new BulkheadError(
      'BUNDLE_NOT_LOADED',
      'the policies of one container need more selectors, responses or users than a node holds',
      {
        details: {
          selectors: set.selectors.length,
          responses: set.responses.length,
          NODE_LIMITS,
        },
      },
    );
  }
  if (!isCarriedOut(set)) {
    const message = "the policies ask for what this version's kernel programs do not carry out";
    throw new BulkheadError('BUNDLE_NOT_LOADED', message);
  }
  const table = new Uint8Array(POLICY_SET_LAYOUT.size);
  const view = new DataView(table.buffer);
  const { offsets } = POLICY_SET_LAYOUT;
  const { selectors, responses } = set;
  const putMask = (at: number, admits: (selector: BoundSelector) => boolean): void =>
    view.setBigUint64(
      at,
      maskOf(selectors.flatMap((one, index) => (admits(one) ? index : []))),
      true,
    );
  view.setUint32(offsets.selector_count, selectors.length, true);
  view.setUint32(offsets.response_count, responses.length, true);
  for (const [operation, number] of Object.entries(OPERATIONS)) {
    putMask(offsets.operations + 8 * (number - 1), ({ operations }) =>
      operations.some((one) => one === operation),
    );
  }
  putMask(offsets.origins, ({ origins }) => origins.length === 0);
  for (const [origin, number] of Object.entries(EXECUTABLE_ORIGINS)) {
    putMask(
      offsets.origins + 8 * number,
      ({ origins }) => origins.length === 0 || origins.some((one) => one === origin),
    );
  }
  putMask(offsets.sessions, ({ interactive }) => interactive !== true);
  putMask(offsets.sessions + 8, ({ interactive }) => interactive !== false);
  for (const [volume, number] of Object.entries(VOLUMES)) {
    putMask(offsets.volumes + 8 * number, ({ ignoreVolumes }) =>
      isOnVolume(ignoreVolumes, volume === 'undecided' ? undefined : volume),
    );
  }
  putMask(offsets.any_user, ({ userIds }) => userIds.length === 0);
  putMask(offsets.executables, ({ executable }) => executable !== undefined);
  putMask(offsets.parents, ({ parentExecutable }) => parentExecutable !== undefined);
  putMask(offsets.targets, ({ target }) => target !== undefined);
  putMask(offsets.capabilities, ({ capabilities }) => capabilities.length > 0);
  selectors.forEach((selector, index) => {
    const { offsets: member, size } = POLICY_SELECTOR_LAYOUT;
    const at = offsets.selectors + index * size;
    view.setBigUint64(at + member.executables, listBit(selector.executable), true);
    view.setBigUint64(at + member.parents, listBit(selector.parentExecutable), true);
    view.setBigUint64(at + member.targets, listBit(selector.target), true);
    view.setBigUint64(at + member.capabilities, capabilityBits(selector.capabilities), true);
  });
  const ranges = userRanges(set);
  view.setUint32(offsets.user_range_count, ranges.length, true);
  ranges.forEach(({ first, last, selectors: asking }, index) => {
    const { offsets: member, size } = USER_RANGE_LAYOUT;
    const at = offsets.users + index * size;
    view.setUint32(at + member.first, first, true);
    view.setUint32(at + member.last, last, true);
    view.setBigUint64(at + member.selectors, maskOf(asking), true);
  });
  responses.forEach((response, index) => {
    const { offsets: member, size } = POLICY_RESPONSE_LAYOUT;
    const at = offsets.responses + index * size;
    const actions = actionBits(response.actions) | (response.observe ? OBSERVE_BIT : 0);
    view.setBigUint64(at + member.match, maskOf(response.match), true);
    view.setBigUint64(at + member.exclude, maskOf(response.exclude), true);
    view.setUint32(at + member.actions, actions, true);
  });
  return table;
}

/**
 * The automaton of the set's path patterns, as bpf/include/automaton.h describes it; empty: it has none.
 * @throws AutomatonTooLarge
 */
export function kernelAutomaton(set: BoundSet): Uint8Array {
  if (set.pathLists.length === 0) return new Uint8Array(0);
  return serialiseAutomaton(buildAutomaton(set.pathLists, 'path'));
}

/** Bit n-1 is operation n. */
export function operationBits(operations: readonly Operation[]): number {
  return operations.reduce((bits, operation) => bits | (1 << (OPERATIONS[operation] - 1)), 0);
}

function listBit(list: number | undefined): bigint {
  return list === undefined ? ANY : 1n << BigInt(list);
}

function capabilityBits(capabilities: readonly Capability[]): bigint {
  if (capabilities.length === 0) return ANY;
  return capabilities.reduce((bits, name) => bits | (1n << BigInt(capabilityNumber(name))), 0n);
}

function isOnVolume(ignored: BoundSelector['ignoreVolumes'], volume: string | undefined): boolean {
  if (ignored === undefined) return true;
  return ignored === 'mounts' ? volume === 'none' : volume !== undefined && volume !== 'file';
}

function maskOf(indexes: readonly number[]): bigint {
  return indexes.reduce((mask, index) => mask | (1n << BigInt(index)), 0n);
}

/** Offsets of members that follow each other without gaps. */
function layoutOf<Member extends string>(
  bytes: Readonly<Record<Member, number>>,
): { readonly offsets: Readonly<Record<Member, number>>; readonly size: number } {
  const offsets: Partial<Record<Member, number>> = {};
  let size = 0;
  for (const member in bytes) {
    offsets[member] = size;
    size += bytes[member];
  }
  return { offsets: offsets as Record<Member, number>, size };
}

/** bulkhead.v1.ResponseRef of event.proto. */
export function encodeResponseRef(ref: ResponseRef): Uint8Array {
  const writer = createWriter();
  writeString(writer, 1, ref.policyId);
  writeUint32(writer, 2, ref.policyVersion);
  writeString(writer, 3, ref.policyName);
  writeString(writer, 4, ref.section);
  writeUint32(writer, 5, ref.response);
  writeStrings(writer, 6, ref.selectors);
  writeUint32(writer, 7, actionBits(ref.actions));
  return writer.finish();
}

/** bulkhead.v1.Container of event.proto. */
export function encodeContainer(facts: ContainerFacts): Uint8Array {
  const writer = createWriter();
  writeString(writer, 1, facts.id);
  writeString(writer, 2, facts.name);
  writeString(writer, 3, facts.imageFullName);
  writeString(writer, 4, facts.imageTag);
  writeString(writer, 5, facts.imageDigest);
  writeString(writer, 6, facts.podName);
  writeString(writer, 7, facts.podNamespace);
  writeString(writer, 8, facts.podUid);
  return writer.finish();
}
