import { sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { toStoreError } from './errors.js';

/** A drizzle transaction: what the functions of this folder query with. */
export type Queries = Pick<
  PostgresJsDatabase,
  'delete' | 'execute' | 'insert' | 'select' | 'transaction' | 'update'
>;

/** A transaction that sees and writes one tenant's rows only: row level security holds it to that. */
export class TenantTx {
  readonly scope = 'tenant';

  constructor(
    /** For the functions of this folder only. */
    readonly queries: Queries,
    readonly tenantId: string,
  ) {}
}

/** A transaction of no tenant: sees the global tables, and of tenant tables what its role's loops scan. */
export class PlatformTx {
  readonly scope = 'platform';
  #tenantIsSet = false;

  constructor(
    /** For the functions of this folder only. */
    readonly queries: Queries,
  ) {}

  /**
   * Runs `fn` as one tenant inside this transaction, behind a savepoint: where it throws, only its
   * own writes are undone and this transaction goes on. One at a time, since they share a connection.
   * @throws BulkheadError; INTERNAL where two overlap
   */
  async asTenant<T>(tenantId: string, fn: (tx: TenantTx) => Promise<T>): Promise<T> {
    if (this.#tenantIsSet) {
      throw new BulkheadError('INTERNAL', 'a transaction serves one tenant at a time');
    }
    this.#tenantIsSet = true;
    try {
      // A setting made behind a savepoint goes with its rollback; where there is none it is unset here.
      return await this.queries.transaction(async (queries) => {
        await setTenant(queries, tenantId);
        const result = await fn(new TenantTx(queries, tenantId));
        await setTenant(queries, '');
        return result;
      });
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.#tenantIsSet = false;
    }
  }
}

/** What row level security goes by; transaction-local. */
export const SETTINGS = {
  /** '' is no tenant. */
  tenant: 'app.tenant_id',
  /** A JSON path: of clusters, and of what belongs to them, only these are seen and written. */
  clusters: 'app.clusters',
  platform: 'app.platform',
} as const;

async function setTenant(queries: Queries, tenantId: string): Promise<void> {
  await queries.execute(sql`select set_config(${SETTINGS.tenant}, ${tenantId}, true)`);
}
