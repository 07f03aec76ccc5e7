import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { ensurePartitions } from '../../control-plane/store/partitions.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Of no tenant, and why each may be read by all transactions of its roles. */
const GLOBAL_TABLES: Readonly<Record<string, string>> = {
  api_key_tenants: 'which tenant a public id belongs to: no secret',
  kubernetes_join_tenants: 'which tenant a public id belongs to: no secret',
  login_attempt_tenants: 'which tenant a public id belongs to: no secret',
  login_link_tenants: 'which tenant a public id belongs to: no secret',
  session_tenants: 'which tenant a public id belongs to: no secret',
  join_token_tenants: 'which tenant a public id belongs to: no secret',
  change_horizon: 'how far the changes were forgotten',
  event_cursors: 'how far the log was read',
  platform_credentials: 'who stands above tenants: seen by transactions of the platform only',
  master_keys: 'wrapped: a KMS plugin alone can open them',
  platform_keys: 'the keys of the installation, sealed',
  schema_migrations: 'names and check sums of files',
};
/** What whoever is limited to clusters may see all of, and why. */
const OPEN_TO_LIMITED: Readonly<Record<string, string>> = {
  assignments: 'what they choose is held by the API; desired_state has what comes of it',
  audit_heads: 'a number and a hash',
  idempotency_keys: 'answers to the caller itself',
  policies: 'without effect before they are assigned',
  policy_drafts: 'without effect before they are assigned',
  policy_versions: 'without effect before they are assigned',
  sessions: 'their own: the routes see to it',
  tenant_quotas: 'numbers, of all clusters together',
  tenants: 'their own',
};
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCHEMA = new URL('../../control-plane/store/schema/', import.meta.url);

interface Relation {
  readonly name: string;
  readonly is_partition: boolean;
  readonly has_tenant_id: boolean;
  readonly row_security: boolean;
  readonly forced: boolean;
  readonly owner: string;
}

let database: TestDatabase;
let relations: readonly Relation[];

beforeAll(async () => {
  database = await createTestDatabase();
  await ensurePartitions(database.worker);
  relations = await database.admin<Relation[]>`
    select c.relname as name, c.relispartition as is_partition,
      c.relrowsecurity as row_security, c.relforcerowsecurity as forced, r.rolname as owner,
      exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id')
        as has_tenant_id
    from pg_class c join pg_roles r on r.oid = c.relowner
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace = 'public'::regnamespace
    order by c.relname`;
});

afterAll(() => database.close());

describe('the catalogue', () => {
  it('knows for every table whether it belongs to tenants', () => {
    const belongs = relations.filter(
      ({ name, is_partition: isPartition, has_tenant_id: hasTenantId }) =>
        !isPartition && (hasTenantId || name === 'tenants') && !(name in GLOBAL_TABLES),
    );
    const known = new Set([...belongs.map(({ name }) => name), ...Object.keys(GLOBAL_TABLES)]);
    const tables = relations.filter((relation) => !relation.is_partition);
    expect(tables.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    expect(belongs.length).toBeGreaterThanOrEqual(16);
  });

  it('has row security, forced, on every table of tenants and every partition', () => {
    const open = relations.filter(
      ({ name, row_security: rowSecurity, forced }) =>
        !(name in GLOBAL_TABLES) && !(rowSecurity && forced),
    );
    expect(open).toEqual([]);
    expect(relations.filter((relation) => relation.is_partition).length).toBeGreaterThan(4);
  });

  it('has the one tenant policy on every table of tenants', async () => {
    const policies = await database.admin<Record<string, string>[]>`
      select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies
      where schemaname = 'public' and permissive = 'PERMISSIVE'`;
    const tables = relations.filter(
      ({ name, is_partition: isPartition }) =>
        !isPartition && !(name in GLOBAL_TABLES) && name !== 'tenants',
    );
    for (const { name } of tables) {
      const [tenant] = policies.filter((p) => p.tablename === name && p.policyname === 'tenant');
      expect(tenant).toMatchObject({ roles: '{public}', cmd: 'ALL' });
      expect(tenant?.qual).toMatch(/^\(tenant_id = \( ?SELECT bulkhead_current_tenant\(\)/);
      expect(tenant?.with_check).toEqual(tenant?.qual);
    }
    // Beside it only what is read over tenants, and nothing that lets anybody write but the owner.
    const others = policies.filter(
      ({ tablename, policyname }) =>
        policyname !== 'tenant' && relations.some((r) => r.name === tablename && !r.is_partition),
    );
    expect(others.map(({ tablename, roles, cmd }) => [tablename, roles, cmd]).sort()).toEqual([
      ['alerts', '{bulkhead_worker}', 'SELECT'],
      ['changes', '{bulkhead_app}', 'SELECT'],
      // Its triggers and its trimming: no role that serves is the owner.
      ['changes', '{bulkhead_owner}', 'ALL'],
      ['event_batches', '{bulkhead_worker}', 'SELECT'],
      ['outbox', '{bulkhead_worker}', 'SELECT'],
      ['platform_credentials', '{public}', 'ALL'],
      ['tenant_settings', '{bulkhead_worker}', 'SELECT'],
      ['tenants', '{public}', 'ALL'],
      ['webhook_endpoints', '{bulkhead_worker}', 'SELECT'],
    ]);
    const onPartitions = policies.filter(({ tablename }) =>
      relations.some((r) => r.name === tablename && r.is_partition),
    );
    for (const policy of onPartitions) expect(policy.roles).toBe('{bulkhead_owner}');
  });

  it('holds who is limited to clusters to them, on every table of tenants that has to do with them', async () => {
    const policies = await database.admin<{ tablename: string; cmd: string; qual: string }[]>`
      select tablename, cmd, coalesce(qual, with_check) as qual from pg_policies
      where schemaname = 'public' and permissive = 'RESTRICTIVE' and policyname not like 'platform%'`;
    for (const { qual } of policies) expect(qual).toContain('bulkhead_caller_clusters');
    const limited = new Set(policies.map(({ tablename }) => tablename));
    const open = relations.filter(
      ({ name, is_partition: isPartition }) =>
        !isPartition && !limited.has(name) && !(name in GLOBAL_TABLES),
    );
    expect(open.map(({ name }) => name)).toEqual(Object.keys(OPEN_TO_LIMITED));
  });

  it('grants nothing on a partition', async () => {
    const grants = await database.admin`
      select grantee, table_name, privilege_type from information_schema.role_table_grants
      join pg_class on relname = table_name and relnamespace = 'public'::regnamespace
      where table_schema = 'public' and relispartition and grantee <> 'bulkhead_owner'`;
    expect(grants).toEqual([]);
  });

  it('grants nothing that row security does not cover, and nobody a rewrite of a version or a record', async () => {
    const grants = await database.admin<Record<string, string>[]>`
      select grantee, table_name, privilege_type from information_schema.role_table_grants
      where table_schema = 'public' and grantee <> 'bulkhead_owner'`;
    const kinds = new Set(grants.map((grant) => grant.privilege_type));
    expect([...kinds].sort()).toEqual(['DELETE', 'INSERT', 'SELECT', 'UPDATE']);
    const ofVersions = grants.filter((grant) => grant.table_name === 'policy_versions');
    expect(ofVersions.map((grant) => grant.privilege_type).sort()).toEqual(['INSERT', 'SELECT']);
    const ofAudit = grants.filter((grant) => grant.table_name?.startsWith('audit_'));
    expect(ofAudit.map((grant) => `${grant.grantee} ${grant.privilege_type}`).sort()).toEqual([
      'bulkhead_app INSERT',
      'bulkhead_app SELECT',
      'bulkhead_app SELECT',
    ]);
    const toPublic = grants.filter((grant) => grant.grantee === 'PUBLIC');
    expect(toPublic.map((grant) => grant.table_name)).toEqual(['schema_migrations']);
  });

  it('lets nobody pass row security by', async () => {
    const roles = await database.admin`
      select rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb
      from pg_roles where rolname like 'bulkhead\\_%' order by rolname`;
    const harmless = {
      rolsuper: false,
      rolbypassrls: false,
      rolcanlogin: false,
      rolcreaterole: false,
      rolcreatedb: false,
    };
    expect(roles).toEqual([
      { rolname: 'bulkhead_app', ...harmless },
      { rolname: 'bulkhead_owner', ...harmless },
      { rolname: 'bulkhead_worker', ...harmless },
    ]);
    expect(relations.filter(({ owner }) => owner !== 'bulkhead_owner')).toEqual([]);
  });

  it('has no function of the owner that a caller could bend', async () => {
    const functions = await database.admin<Record<string, unknown>[]>`
      select proname, prosecdef, proconfig::text, has_function_privilege('public', oid, 'execute')
        as is_public
      from pg_proc where pronamespace = 'public'::regnamespace and prosecdef`;
    expect(functions.length).toBe(7);
    for (const each of functions) {
      expect(each.proconfig).toBe('{"search_path=pg_catalog, pg_temp"}');
      expect(each.is_public).toBe(false);
    }
  });
});

describe('the schema in TypeScript', () => {
  it('has no change that no migration makes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-schema-'));
    try {
      cpSync(join(ROOT, 'migrations'), folder, { recursive: true });
      // drizzle-kit takes paths relative to its working directory only.
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          ...[join(ROOT, 'node_modules/drizzle-kit/bin.cjs'), 'generate', '--dialect=postgresql'],
          ...['--schema=./control-plane/store/schema/*.ts', `--out=${relative(ROOT, folder)}`],
        ],
        { cwd: ROOT },
      );
      expect(stdout).toContain('No schema changes');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says what the migrations made', async () => {
    const columns = await database.admin<Record<string, unknown>[]>`
      select relname as table, attname as column, format_type(atttypid, atttypmod) as type,
        attnotnull as "notNull", atthasdef as "hasDefault"
      from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        and attnum > 0 and not attisdropped and relname <> 'schema_migrations'`;
    const key = (column: Record<string, unknown>) => `${column.table}.${column.column}`;
    const byKey = (a: Record<string, unknown>, b: Record<string, unknown>) =>
      key(a).localeCompare(key(b));
    expect((await declaredColumns()).sort(byKey)).toEqual([...columns].sort(byKey));
  });
});

async function declaredColumns(): Promise<Record<string, unknown>[]> {
  const columns: Record<string, unknown>[] = [];
  for (const file of readdirSync(SCHEMA).filter((name) => name.endsWith('.ts'))) {
    const module: Record<string, unknown> = await import(
      `../../control-plane/store/schema/${file.replace(/\.ts$/, '.js')}`
    );
    for (const table of Object.values(module)) {
      if (!is(table, PgTable)) continue;
      const config = getTableConfig(table);
      for (const column of config.columns) {
        columns.push({
          table: config.name,
          column: column.name,
          type: typeInPostgres(column.getSQLType()),
          notNull: column.notNull,
          hasDefault: column.hasDefault,
        });
      }
    }
  }
  return columns;
}

function typeInPostgres(type: string): string {
  if (type === 'bigserial') return 'bigint';
  return type.replace('timestamp (3)', 'timestamp(3)');
}
