import { eq, getTableName, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { only } from './errors.js';
import { idempotencyKeys } from './schema/idempotency-keys.js';
import { identityProviders } from './schema/identity-providers.js';
import { loginAttempts } from './schema/login-attempts.js';
import { platformKeys } from './schema/platform-keys.js';
import { webhookEndpoints } from './schema/webhooks.js';
import { PlatformTx, type TenantTx } from './transaction.js';

/** A column whose values the vault has sealed. */
interface SealedColumn {
  readonly table: PgTable;
  readonly column: PgColumn;
  /** What it was sealed for, of a row. */
  readonly purpose: SQL<string>;
  /** undefined: of no tenant. */
  readonly tenantId?: PgColumn;
}

/** All of them: a test holds it against the catalogue and against every use of the vault. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: platformKeys,
    column: platformKeys.privateEncrypted,
    purpose: sql`'platform-key:' || ${platformKeys.kind}`,
  },
  {
    table: webhookEndpoints,
    column: webhookEndpoints.secretEncrypted,
    purpose: sql`'webhook'`,
    tenantId: webhookEndpoints.tenantId,
  },
  {
    table: identityProviders,
    column: identityProviders.clientSecretEncrypted,
    purpose: sql`'identity-provider'`,
    tenantId: identityProviders.tenantId,
  },
  {
    table: loginAttempts,
    column: loginAttempts.checksEncrypted,
    purpose: sql`'login-attempt'`,
    tenantId: loginAttempts.tenantId,
  },
  {
    table: idempotencyKeys,
    column: idempotencyKeys.answerEncrypted,
    purpose: sql`'idempotency'`,
    tenantId: idempotencyKeys.tenantId,
  },
];

export interface SealedCount {
  readonly values: number;
  /** Of those, how many do not begin with the prefix of the active key. */
  readonly old: number;
}

/** What the transaction sees: of its tenant, or of none. */
export async function countSealedValues(
  tx: TenantTx | PlatformTx,
  activePrefix: Uint8Array,
): Promise<SealedCount> {
  let values = 0;
  let old = 0;
  for (const sealed of columnsOf(tx)) {
    const rows = await tx.queries
      .select({
        values: sql<number>`count(*)::int`,
        old: sql<number>`(count(*) filter (where ${isOld(sealed, activePrefix)}))::int`,
      })
      .from(sealed.table)
      .where(isSealed(tx, sealed));
    const count = only(rows);
    values += count.values;
    old += count.old;
  }
  return { values, old };
}

export interface Resealed {
  /** Sealed anew. */
  readonly done: number;
  /** Tables with a value that could not be opened. */
  readonly unreadable: readonly string[];
}

const BATCH_ROWS = 100;

/**
 * Seals anew what the active key has not sealed: at most 100 values of each table; done 0 and
 * nothing unreadable: there are no more. What changed meanwhile is left for the next call.
 * @param reseal throws where it cannot open the value, which then stays as it is
 */
export async function resealValues(
  tx: TenantTx | PlatformTx,
  activePrefix: Uint8Array,
  reseal: (purpose: string, sealed: Uint8Array) => Uint8Array,
): Promise<Resealed> {
  let done = 0;
  const unreadable = new Set<string>();
  for (const sealed of columnsOf(tx)) {
    const { table, column, purpose } = sealed;
    const rows = await tx.queries
      .select({ place: sql<string>`ctid::text`, purpose, bytes: sql<Uint8Array>`${column}` })
      .from(table)
      .where(sql`${isSealed(tx, sealed)} and ${isOld(sealed, activePrefix)}`)
      .limit(BATCH_ROWS)
      .for('no key update', { skipLocked: true });
    for (const row of rows) {
      let anew: Uint8Array;
      try {
        anew = reseal(row.purpose, row.bytes);
      } catch {
        unreadable.add(getTableName(table));
        continue;
      }
      // The row is locked: it stays at its place.
      await tx.queries.execute(sql`
        update ${table} set ${sql.identifier(column.name)} = ${sql.param(anew, column)}
        where ${isSealed(tx, sealed)} and ctid = ${row.place}::tid`);
      done += 1;
    }
  }
  return { done, unreadable: [...unreadable] };
}

function columnsOf(tx: TenantTx | PlatformTx): readonly SealedColumn[] {
  const isPlatform = tx instanceof PlatformTx;
  return SEALED_COLUMNS.filter(({ tenantId }) => (tenantId === undefined) === isPlatform);
}

/** There is none where a key is retired or an answer is not there yet. */
function isSealed(tx: TenantTx | PlatformTx, { column, tenantId }: SealedColumn): SQL {
  const isThere = sql`octet_length(${column}) > 0`;
  return tenantId && !(tx instanceof PlatformTx)
    ? sql`${isThere} and ${eq(tenantId, tx.tenantId)}`
    : isThere;
}

function isOld({ column }: SealedColumn, activePrefix: Uint8Array): SQL {
  const prefix = sql.param(activePrefix, column);
  return sql`substring(${column} from 1 for ${activePrefix.byteLength}::int) <> ${prefix}`;
}
