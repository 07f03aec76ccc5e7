import { pinOf } from '../domain/certificates.js';
import {
  KEYS_SETTLE_MS,
  type Move,
  movesOf,
  type RotationStep,
  unsettledMs,
} from '../domain/key-rotation.js';
import type { Keyring } from '../domain/keyring.js';
import { CHANNELS, notify } from '../store/database.js';
import { countOpenJoinTokens } from '../store/join-tokens.js';
import { listNodesBehind, type NewKeys, type NodeBehind } from '../store/node-trust.js';
import {
  insertNextKey,
  moveKey,
  type PlatformKey,
  type PlatformKeyKind,
} from '../store/platform-keys.js';
import { everyTenant } from '../store/tenants.js';
import { ensureKeys, type KeyStore, keyringFrom, newKey } from './keyring.js';

export interface RotationOptions {
  readonly step: RotationStep;
  /** Goes on although it loses nodes, or not every replica may know of the step before. */
  readonly force?: boolean | undefined;
  /** Only tests are quicker. */
  readonly settleMs?: number;
}

/** Who would be lost if the former keys went now. */
export interface Behind {
  readonly nodes: readonly (NodeBehind & { readonly tenant: string })[];
  /** Join tokens that were printed with the former authority's pin alone, and are still good. */
  readonly joinTokens: number;
}

export interface RotationReport {
  readonly kind: PlatformKeyKind;
  /** After the step; without those that are retired. */
  readonly keys: readonly Pick<PlatformKey, 'id' | 'state' | 'changedAt'>[];
  readonly behind: Behind;
}

/**
 * One step of a change of keys: see domain/key-rotation.ts.
 * @throws Error where it would lose somebody and is not forced; BulkheadError CONFLICT where another
 *   step came in between
 */
export async function rotateKeys(
  store: KeyStore,
  kind: PlatformKeyKind,
  { step, force = false, settleMs = KEYS_SETTLE_MS }: RotationOptions,
): Promise<RotationReport> {
  const keys = await ensureKeys(store);
  const ofKind = keys.filter((key) => key.kind === kind);
  if (step !== 'status') {
    const moves = movesOf(step, ofKind);
    if (!force) {
      const waitMs = unsettledMs(step, ofKind, settleMs, new Date());
      if (waitMs > 0) throw new Error(`${NOT_SETTLED}: again in ${Math.ceil(waitMs / 1000)} s`);
      if (step === 'finish') {
        refuseToLose(await findBehind(store, keys, kind, settleMs));
      }
    }
    await make(store, kind, moves);
  }
  const after = await ensureKeys(store);
  return {
    kind,
    keys: after.filter((key) => key.kind === kind && key.state !== 'retired'),
    behind: await findBehind(store, after, kind, settleMs),
  };
}

const NOT_SETTLED = 'not every replica may have taken the step before';
const NAMED_MAX = 20;

/** All of a step or nothing. Replicas hear of it when it is committed. */
async function make(store: KeyStore, kind: PlatformKeyKind, moves: readonly Move[]): Promise<void> {
  const made = moves.includes('make') ? await newKey(store, kind) : undefined;
  await store.database.withPlatform(async (tx) => {
    if (made) await insertNextKey(tx, made);
    for (const move of moves) if (move !== 'make') await moveKey(tx, move.id, move.from, move.to);
    await notify(tx, CHANNELS.keys, '');
  });
}

/** Nobody is behind where nothing is being changed. */
async function findBehind(
  { database, vault }: KeyStore,
  keys: readonly PlatformKey[],
  kind: PlatformKeyKind,
  settleMs: number,
): Promise<Behind> {
  const inState = (state: PlatformKey['state']) =>
    keys.find((key) => key.kind === kind && key.state === state);
  const coming = inState('next') ?? (inState('retiring') && inState('active'));
  if (!coming) return { nodes: [], joinTokens: 0 };
  const wanted = wantedKeys(await keyringFrom(keys, vault), kind, coming);
  // One that was printed by a replica that had not heard of it yet has the former pin alone.
  const knownSince = new Date(coming.createdAt.getTime() + settleMs);
  const nodes: Behind['nodes'][number][] = [];
  let joinTokens = 0;
  for await (const tenant of everyTenant(database)) {
    await database.withTenant({ tenantId: tenant.id }, async (tx) => {
      const behind = await listNodesBehind(tx, wanted);
      nodes.push(...behind.map((node) => ({ ...node, tenant: tenant.name })));
      if (kind === 'ca') joinTokens += await countOpenJoinTokens(tx, knownSince);
    });
  }
  return { nodes, joinTokens };
}

/** Before the next key is active, nodes can only hold it. */
function wantedKeys(keyring: Keyring, kind: PlatformKeyKind, coming: PlatformKey): NewKeys {
  const { trustSha256, authority, signingKeys } = keyring;
  if (coming.state === 'next') return { trustSha256 };
  return kind === 'ca'
    ? { trustSha256, certificateAuthority: pinOf(authority.certificate) }
    : { trustSha256, signingKeyId: signingKeys[0].keyId };
}

function refuseToLose(behind: Behind): void {
  if (behind.nodes.length === 0 && behind.joinTokens === 0) return;
  throw new Error(`this would lose some (--force goes on):\n${describeBehind(behind)}`);
}

export function describeBehind({ nodes, joinTokens }: Behind): string {
  const lines = nodes.slice(0, NAMED_MAX).map((node) => {
    const reasons = [
      ...(node.lacksTrust ? ['does not hold the new key'] : []),
      ...(node.hasFormerCertificate ? ['has a certificate of the old authority'] : []),
      ...(node.hasFormerBundle ? ['runs a bundle that the old key signed alone'] : []),
    ];
    const seen = node.lastSeenAt?.toISOString() ?? 'never';
    return `  ${node.tenant} ${node.name} ${node.id}, last seen ${seen}: ${reasons.join(', ')}`;
  });
  const more = nodes.length - lines.length;
  return [
    `nodes behind: ${nodes.length}`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(joinTokens > 0 ? [`open join tokens with the old pin alone: ${joinTokens}`] : []),
  ].join('\n');
}

/** Without the keys themselves, sealed as they are. */
export function reportToJson({ kind, keys, behind }: RotationReport): object {
  return { kind, keys: keys.map(({ id, state, changedAt }) => ({ id, state, changedAt })), behind };
}

export function describeRotation({ keys, behind }: RotationReport): string {
  const lines = keys.map(
    ({ id, state, changedAt }) => `${state.padEnd(8)} ${id} since ${changedAt.toISOString()}`,
  );
  return [...lines, describeBehind(behind)].join('\n');
}
