import { eq, type SQL, sql } from 'drizzle-orm';
import {
  type CountedQuota,
  QUOTA_NAMES,
  QUOTAS,
  type Quota,
  quotaReached,
} from '../domain/quotas.js';
import { only } from './errors.js';
import { tenantQuotas } from './schema/quotas.js';
import { getTenant } from './tenants.js';
import type { PlatformTx, TenantTx } from './transaction.js';

export interface Quotas {
  readonly maximums: Readonly<Record<Quota, number>>;
  /** Rises with every edit; 0: nothing was ever set. */
  readonly revision: number;
}

/** null: as it is where nothing is set. What is left out stays. */
export type QuotaChange = Readonly<Partial<Record<Quota, number | null>>>;

/** What counts; row security keeps it to the tenant. */
const COUNTED: Readonly<Record<CountedQuota, SQL>> = {
  clusters: sql`from clusters where archived_at is null`,
  nodes: sql`from nodes where revoked_at is null`,
  policies: sql`from policies where archived_at is null`,
  assignments: sql`from assignments`,
  webhooks: sql`from webhook_endpoints`,
  apiKeys: sql`from api_keys
    where revoked_at is null and (expires_at is null or expires_at > now())`,
  members: sql`from members where disabled_at is null`,
  joinTokens: sql`from join_tokens
    where revoked_at is null and expires_at > now() and uses < max_uses`,
};
export const COUNTED_QUOTAS = Object.keys(COUNTED) as readonly CountedQuota[];

/** With those that hold where nothing was ever set. */
export async function getQuotas(tx: TenantTx): Promise<Quotas> {
  const [row] = await tx.queries
    .select()
    .from(tenantQuotas)
    .where(eq(tenantQuotas.tenantId, tx.tenantId));
  return quotasFromRow(row);
}

/** How much of each is used, by the whole tenant, whatever its caller may see. */
export async function readQuotaUsage(
  tx: TenantTx,
): Promise<Readonly<Record<CountedQuota, number>>> {
  const counts = COUNTED_QUOTAS.map(
    (quota) => sql`${quota}::text, (select count(*) ${COUNTED[quota]})`,
  );
  return ofWholeTenant(tx, async () => {
    const rows = await tx.queries.execute<{ used: Record<CountedQuota, number> }>(
      sql`select json_build_object(${sql.join(counts, sql`, `)}) as used`,
    );
    return only(rows).used;
  });
}

/**
 * To be called before one more is made, in the transaction that makes it: two that are made at the same
 * time cannot both be the last. Holds back others of this quota until the transaction ends.
 * @throws BulkheadError RESOURCE_EXHAUSTED
 */
export async function holdQuota(tx: TenantTx, quota: CountedQuota): Promise<void> {
  const lock = `quota:${quota}:${tx.tenantId}`;
  await tx.queries.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
  // A statement of its own: it sees what was committed while this waited.
  const { used, maximum } = await ofWholeTenant(tx, async () => {
    const rows = await tx.queries.execute<{ used: string; maximum: number | null }>(sql`
      select (select count(*) ${COUNTED[quota]}) as used,
        (select (maximums ->> ${quota}::text)::integer from tenant_quotas) as maximum`);
    return only(rows);
  });
  const allowed = maximum ?? QUOTAS[quota];
  if (Number(used) >= allowed) throw quotaReached(quota, allowed);
}

/** The versions of one policy, whose row the caller holds. @throws BulkheadError RESOURCE_EXHAUSTED */
export async function checkVersionQuota(tx: TenantTx, version: number): Promise<void> {
  const { policyVersions } = (await getQuotas(tx)).maximums;
  if (version > policyVersions) throw quotaReached('policyVersions', policyVersions);
}

/** Any tenant's. @throws BulkheadError NOT_FOUND */
export async function getTenantQuotas(tx: PlatformTx, tenantId: string): Promise<Quotas> {
  return tx.asTenant(tenantId, async (tenant) => {
    await getTenant(tenant);
    return getQuotas(tenant);
  });
}

/**
 * What a tenant has beyond a lower quota stays, and it makes no more. `check` sees what is there and may
 * throw; nobody changes it in between.
 * @throws BulkheadError NOT_FOUND
 */
export async function updateTenantQuotas(
  tx: PlatformTx,
  tenantId: string,
  change: QuotaChange,
  check: (current: Quotas) => void = () => {},
): Promise<Quotas> {
  return tx.asTenant(tenantId, async (tenant) => {
    await getTenant(tenant);
    await tenant.queries
      .insert(tenantQuotas)
      .values({ tenantId, maximums: {} })
      .onConflictDoNothing();
    const mine = eq(tenantQuotas.tenantId, tenantId);
    const current = await tenant.queries.select().from(tenantQuotas).where(mine).for('update');
    const row = only(current);
    check(quotasFromRow(row));
    const wanted = { ...row.maximums, ...change };
    const maximums = Object.fromEntries(
      QUOTA_NAMES.flatMap((quota) => {
        const maximum = wanted[quota];
        return maximum === null || maximum === undefined ? [] : [[quota, maximum]];
      }),
    );
    const rows = await tenant.queries
      .update(tenantQuotas)
      .set({ maximums, updatedAt: sql`now()`, revision: sql`${tenantQuotas.revision} + 1` })
      .where(mine)
      .returning();
    return quotasFromRow(only(rows));
  });
}

/** A caller who is limited to clusters uses the quota of all. */
async function ofWholeTenant<T>(tx: TenantTx, fn: () => Promise<T>): Promise<T> {
  const set = (value: SQL | string) => sql`set_config('app.clusters', ${value}, true)`;
  const rows = await tx.queries.execute<{ former: string }>(sql`
    with was as materialized (select coalesce(current_setting('app.clusters', true), '') as former)
    select former, ${set('')} from was`);
  const result = await fn();
  await tx.queries.execute(sql`select ${set(only(rows).former)}`);
  return result;
}

function quotasFromRow(row: typeof tenantQuotas.$inferSelect | undefined): Quotas {
  return { maximums: { ...QUOTAS, ...row?.maximums }, revision: row?.revision ?? 0 };
}
