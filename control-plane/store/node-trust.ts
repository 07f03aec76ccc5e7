import { and, asc, eq, gt, notInArray, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { SHUT_OUT } from './nodes.js';
import { bundles } from './schema/bundles.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

/** The keys that nodes ought to go by. */
export interface NewKeys {
  readonly trustSha256: Uint8Array;
  /** Where the authority is what changes: its pin. */
  readonly certificateAuthority?: string;
  /** Where the signing key is: its id. */
  readonly signingKeyId?: string;
}

/** A node that cannot do without the former keys yet. */
export interface NodeBehind {
  readonly id: string;
  readonly clusterId: string;
  readonly name: string;
  readonly lastSeenAt?: Date;
  /** It does not hold the trust of now. */
  readonly lacksTrust: boolean;
  /** The certificate that it showed last is not of the new authority. */
  readonly hasFormerCertificate: boolean;
  /** It has not said that a bundle which the new key signed is in force, and there is one for it. */
  readonly hasFormerBundle: boolean;
}

/**
 * By name. Not those that are revoked or in quarantine, nor those whose certificate has run out: they
 * have to join again whatever the keys are.
 */
export async function listNodesBehind(tx: TenantTx, now: NewKeys): Promise<readonly NodeBehind[]> {
  const lacksTrust = differs(nodes.trustSha256, now.trustSha256);
  const hasFormerCertificate =
    now.certificateAuthority === undefined
      ? NEVER
      : differs(nodes.certificateAuthority, now.certificateAuthority);
  const hasFormerBundle =
    now.signingKeyId === undefined ? NEVER : runsNoBundleOf(tx, now.signingKeyId);
  const rows = await tx.queries
    .select({
      id: nodes.id,
      clusterId: nodes.clusterId,
      name: nodes.name,
      lastSeenAt: nodes.lastSeenAt,
      lacksTrust,
      hasFormerCertificate,
      hasFormerBundle,
    })
    .from(nodes)
    .where(
      and(
        eq(nodes.tenantId, tx.tenantId),
        notInArray(nodes.state, [...SHUT_OUT]),
        gt(nodes.certificateNotAfter, sql`now()`),
        or(lacksTrust, hasFormerCertificate, hasFormerBundle),
      ),
    )
    .orderBy(asc(nodes.name), asc(nodes.id));
  return rows.map(({ lastSeenAt, ...node }) => ({ ...node, ...(lastSeenAt && { lastSeenAt }) }));
}

const NEVER = sql<boolean>`false`;

/** Also where there is no value. */
function differs<T>(column: PgColumn, value: T): SQL<boolean> {
  return sql`${column} is distinct from ${sql.param(value, column)}`;
}

function runsNoBundleOf(tx: TenantTx, signingKeyId: string): SQL<boolean> {
  const bundleOfCluster = (...more: SQL[]) =>
    tx.queries
      .select({ one: sql`1` })
      .from(bundles)
      .where(
        and(eq(bundles.tenantId, nodes.tenantId), eq(bundles.clusterId, nodes.clusterId), ...more),
      );
  const inForce = bundleOfCluster(
    eq(bundles.revision, nodes.appliedRevision),
    eq(bundles.signingKeyId, signingKeyId),
  );
  return sql`(exists (${bundleOfCluster()}) and not exists (${inForce}))`;
}
