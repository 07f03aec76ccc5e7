import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

export const AUDIT_ACTOR_KINDS = ['api-key', 'member', 'node', 'platform', 'system'] as const;
export type AuditActorKind = (typeof AUDIT_ACTOR_KINDS)[number];

/** `<kind of the target>.<what was done>`: all that is written. A record read back may have an older one. */
export const AUDIT_ACTIONS = [
  'alert.set-status',
  'api-key.create',
  'api-key.revoke',
  'assignment.create',
  'assignment.delete',
  'assignment.update',
  'cluster.create',
  'cluster.delete',
  'cluster.update',
  'identity-provider.create',
  'identity-provider.delete',
  'identity-provider.update',
  'join-token.create',
  'join-token.revoke',
  'kubernetes-join.delete',
  'kubernetes-join.put',
  'login-link.create',
  'member.create',
  'member.delete',
  'member.update',
  'node.join',
  'node.quarantine',
  'node.rejoin',
  'node.release',
  'node.revoke',
  'policy.add-version',
  'policy.archive',
  'policy.create',
  'policy.delete-draft',
  'policy.put-draft',
  'settings.update',
  'session.create',
  'session.revoke',
  'tenant.create',
  'tenant.set-quotas',
  'tenant.update',
  'webhook.create',
  'webhook.delete',
  'webhook.update',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** What it was done to: `alert` of `alert.set-status`. */
export type AuditTargetKind = AuditAction extends infer A
  ? A extends `${infer Kind}.${string}`
    ? Kind
    : never
  : never;

export interface AuditRecord {
  readonly tenantId: string;
  /** From 1 in each tenant, without gaps. */
  readonly sequence: bigint;
  /** The database's clock: rises with the sequence unless that is set back. */
  readonly time: Date;
  readonly actorKind: AuditActorKind;
  readonly actorId: string;
  /** As it was called then. */
  readonly actorName: string;
  readonly action: string;
  readonly targetKind: string;
  readonly targetId: string;
  /** hashOf the thing as it was; absent where there was none. */
  readonly beforeSha256?: Uint8Array;
  readonly afterSha256?: Uint8Array;
  readonly details: AuditDetails;
  readonly sourceAddress?: string;
  readonly userAgent?: string;
  readonly requestId?: string;
  /** `hash` of the record before it; of the first one 32 zero bytes. */
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

/** Flat, so that it stays small and nobody puts a whole request in; never a secret. */
export type AuditDetails = Readonly<
  Record<string, string | number | boolean | null | readonly string[]>
>;

/** What the hash is made of, beside the hash of the record before. */
export type AuditContent = Omit<AuditRecord, 'previousHash' | 'hash'>;

/** So that these bytes mean nothing elsewhere, and a later form of the record has other hashes. */
const LABEL = 'bulkhead audit record 1\n';
const ABSENT = 0xffff_ffff;

/** The last record of a chain: how far it reaches. */
export interface AuditHead {
  readonly sequence: bigint;
  readonly hash: Uint8Array;
}

/** The head of a chain of no records. */
export const AUDIT_GENESIS: AuditHead = { sequence: 0n, hash: Buffer.alloc(32) };

/** SHA-256 of the label, the hash before and the record's bytes. */
export function chainHash(previousHash: Uint8Array, content: AuditContent): Buffer {
  if (previousHash.byteLength !== 32) throw new RangeError('the hash before has 32 bytes');
  return createHash('sha256')
    .update(LABEL)
    .update(previousHash)
    .update(recordBytes(content))
    .digest();
}

/**
 * Each field behind its length, so that no two records have the same bytes. Must match the table in
 * control-plane/store/README.md: whoever verifies an export has only that.
 */
export function recordBytes(content: AuditContent): Buffer {
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(content.sequence);
  return Buffer.concat(
    [
      content.tenantId,
      sequence,
      content.time.toISOString(),
      content.actorKind,
      content.actorId,
      content.actorName,
      content.action,
      content.targetKind,
      content.targetId,
      content.beforeSha256,
      content.afterSha256,
      canonicalJson(content.details),
      content.sourceAddress,
      content.userAgent,
      content.requestId,
    ].flatMap(prefixed),
  );
}

function prefixed(field: string | Uint8Array | undefined): Uint8Array[] {
  const length = Buffer.alloc(4);
  if (field === undefined) {
    length.writeUInt32BE(ABSENT);
    return [length];
  }
  const bytes = typeof field === 'string' ? Buffer.from(field) : field;
  length.writeUInt32BE(bytes.byteLength);
  return [length, bytes];
}
