import { BulkheadError } from '../wire/errors.js';
import type { BoundSet, ResponseRef } from './bind.js';
import {
  actionBits,
  type ContainerFacts,
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  OBSERVE_BIT,
  OPERATIONS,
  type Operation,
} from './model.js';
import { fitsNode, isCarriedOut, NODE_LIMITS } from './node-support.js';
import { createWriter, writeString, writeStrings, writeUint32 } from './protobuf.js';

/**
 * struct bh_policy_set of bpf/include/abi.h, little endian: sizes and offsets in bytes. Must match
 * it; test/kernel compares both through BTF.
 */
export const POLICY_SET_LAYOUT = {
  selectorCount: 0,
  responseCount: 4,
  selectors: 8,
  responses: 8 + NODE_LIMITS.selectors * 12,
  size: 8 + NODE_LIMITS.selectors * 12 + NODE_LIMITS.responses * 24,
} as const;
/** struct bh_policy_selector */
export const POLICY_SELECTOR_LAYOUT = {
  operations: 0,
  origins: 4,
  sessions: 8,
  size: 12,
} as const;
/** struct bh_policy_response */
export const POLICY_RESPONSE_LAYOUT = {
  match: 0,
  exclude: 8,
  actions: 16,
  pad: 20,
  size: 24,
} as const;

/** `origins` or `sessions` of a selector without a condition on it. */
export const ANY = 0xffff_ffff;
const SESSIONS = { withoutTerminal: 1, withTerminal: 2 } as const;

/**
 * The set as the kernel reads it: 2312 bytes. Equal bytes are equal verdicts and equal fired bits.
 * @throws BulkheadError BUNDLE_NOT_LOADED when it is more than the kernel programs carry out
 */
export function kernelTable(set: BoundSet): Uint8Array {
  if (!fitsNode(set)) {
    throw new BulkheadError(
      'BUNDLE_NOT_LOADED',
      'the policies of one container need more selectors or responses than a node holds',
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
  view.setUint32(POLICY_SET_LAYOUT.selectorCount, set.selectors.length, true);
  view.setUint32(POLICY_SET_LAYOUT.responseCount, set.responses.length, true);
  set.selectors.forEach((selector, index) => {
    const at = POLICY_SET_LAYOUT.selectors + index * POLICY_SELECTOR_LAYOUT.size;
    const origins = selector.origins.length === 0 ? ANY : originBits(selector.origins);
    view.setUint32(
      at + POLICY_SELECTOR_LAYOUT.operations,
      operationBits(selector.operations),
      true,
    );
    view.setUint32(at + POLICY_SELECTOR_LAYOUT.origins, origins, true);
    view.setUint32(at + POLICY_SELECTOR_LAYOUT.sessions, sessionBits(selector.interactive), true);
  });
  set.responses.forEach((response, index) => {
    const at = POLICY_SET_LAYOUT.responses + index * POLICY_RESPONSE_LAYOUT.size;
    const actions = actionBits(response.actions) | (response.observe ? OBSERVE_BIT : 0);
    view.setBigUint64(at + POLICY_RESPONSE_LAYOUT.match, maskOf(response.match), true);
    view.setBigUint64(at + POLICY_RESPONSE_LAYOUT.exclude, maskOf(response.exclude), true);
    view.setUint32(at + POLICY_RESPONSE_LAYOUT.actions, actions, true);
  });
  return table;
}

/** fork 1, exec 2. */
export function operationBits(operations: readonly Operation[]): number {
  return operations.reduce((bits, operation) => bits | (1 << (OPERATIONS[operation] - 1)), 0);
}

/** image 1, writable 2, memory 4, volume 8, unknown 16; 0: no condition. */
export function originBits(origins: readonly ExecutableOrigin[]): number {
  return origins.reduce((bits, origin) => bits | (1 << (EXECUTABLE_ORIGINS[origin] - 1)), 0);
}

function sessionBits(interactive: boolean | undefined): number {
  if (interactive === undefined) return ANY;
  return interactive ? SESSIONS.withTerminal : SESSIONS.withoutTerminal;
}

function maskOf(indexes: readonly number[]): bigint {
  return indexes.reduce((mask, index) => mask | (1n << BigInt(index)), 0n);
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
