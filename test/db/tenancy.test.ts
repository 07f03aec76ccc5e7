import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { selectorFromText } from '../../control-plane/domain/label-selector.js';
import type { Database, TenantContext } from '../../control-plane/store/database.js';
import { TenantTx } from '../../control-plane/store/transaction.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createWorld, nowhere, type World } from '../support/store-world.js';
import { GLOBAL_FUNCTIONS, TENANT_CASES } from './tenancy-cases.js';

/** No functions of a noun: what the others are built of. */
const FOUNDATION = [
  'connection',
  'database',
  'errors',
  'ids',
  'json',
  'label-selector',
  'listen',
  'migrate',
  'orders',
  'pages',
  'pool',
  'transaction',
];
const STORE = new URL('../../control-plane/store/', import.meta.url);

/** A setting of '' is what Postgres leaves where there was one: no tenant. */
const NOBODY = { tenantId: '' };

type Outcome = { readonly code: string } | { readonly value: unknown };

class Rollback extends Error {}

let database: TestDatabase;
let mine: World;
let theirs: World;
/** Whose writes stay, so that `theirs` stays as it is. */
let writers: World;

beforeAll(async () => {
  database = await createTestDatabase();
  mine = await createWorld(database);
  theirs = await createWorld(database);
  writers = await createWorld(database);
});

afterAll(() => database.close());

/** What the call answers; whatever it wrote is undone. */
async function outcomeOf(
  db: Database,
  context: TenantContext | undefined,
  call: (tx: TenantTx) => Promise<unknown>,
): Promise<Outcome> {
  let value: unknown;
  const run = async (tx: TenantTx) => {
    value = await call(tx);
    throw new Rollback();
  };
  try {
    if (context) await db.withTenant(context, run);
    // As a function of the store would run if somebody forgot to say for which tenant.
    else await db.withTenant(NOBODY, (tx) => run(new TenantTx(tx.queries, mine.tenantId)));
  } catch (error) {
    if (error instanceof BulkheadError) return { code: error.code };
    if (!(error instanceof Rollback)) throw error;
  }
  return { value };
}

/** Comparable: what each call makes anew (ids, times) is masked. */
function shapeOf(outcome: Outcome, { masked } = { masked: true }): string {
  const text = JSON.stringify(outcome, (_key, entry) =>
    typeof entry === 'bigint' ? `${entry}n` : entry,
  );
  if (!masked) return text;
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'uuid')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replace(/"changeId":"\d+n"/g, '"changeId":"n"');
}

/** What a stranger may be told: an error, nothing, or an empty list. */
function saysNothing(outcome: Outcome): boolean {
  if ('code' in outcome) return true;
  const { value } = outcome;
  if (typeof value === 'object' && value !== null && 'items' in value) {
    return Array.isArray(value.items) && value.items.length === 0;
  }
  return value === undefined || value === false || (Array.isArray(value) && value.length === 0);
}

async function exportedFunctions(): Promise<string[]> {
  const nouns = readdirSync(STORE)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -3))
    .filter((name) => !FOUNDATION.includes(name));
  const names: string[] = [];
  for (const noun of nouns) {
    const module: Record<string, unknown> = await import(`../../control-plane/store/${noun}.js`);
    const functions = Object.keys(module).filter((name) => typeof module[name] === 'function');
    names.push(...functions.map((name) => `${noun}.${name}`));
  }
  return names.sort();
}

it('every exported function of the store has a case', async () => {
  const cases = [...TENANT_CASES.map(({ name }) => name), ...Object.keys(GLOBAL_FUNCTIONS)];
  expect(cases.sort()).toEqual(await exportedFunctions());
});

describe.each(TENANT_CASES)('$name', ({ role, call, forgets }) => {
  const db = () => (role === 'worker' ? database.worker : database.app);

  it('works for the tenant whose it is', async () => {
    const outcome = await outcomeOf(db(), { tenantId: mine.tenantId }, (tx) => call(tx, mine));
    expect(outcome).not.toHaveProperty('code');
    if (!forgets) expect(saysNothing(outcome)).toBe(false);
  });

  it('answers another tenant as if it never was', async () => {
    const asTheirTenant = { tenantId: theirs.tenantId };
    const asTheirs = await outcomeOf(db(), asTheirTenant, (tx) => call(tx, mine));
    const asNever = await outcomeOf(db(), asTheirTenant, (tx) => call(tx, nowhere()));
    const told = shapeOf(asTheirs, { masked: false });
    for (const id of [mine.clusterId, mine.nodeId, mine.policyId, mine.alertId, mine.memberId]) {
      expect(told).not.toContain(id);
    }
    expect(shapeOf(asTheirs)).toEqual(shapeOf(asNever));
  });

  it('does nothing where no tenant is set', async () => {
    const outcome = await outcomeOf(db(), undefined, (tx) => call(tx, mine));
    if (!forgets) expect(saysNothing(outcome)).toBe(true);
  });

  it('changes nothing of a tenant for another one or for none', async () => {
    const before = await fingerprint();
    for (const context of [{ tenantId: writers.tenantId }, undefined]) {
      await committed(db(), context, (tx) => call(tx, mine));
    }
    expect(await fingerprint()).toEqual(before);
  });
});

describe.each(TENANT_CASES)('$name, limited to clusters', ({ role, call, forgets, reach }) => {
  const db = () => (role === 'worker' ? database.worker : database.app);
  const ofProd = () => limitedTo('env=prod,tier!=db');
  const ofOthers = () => limitedTo('env in (dev,test)');

  it(`gives ${reach === 'tenant' ? 'nothing' : 'what is asked for'} where the cluster is theirs`, async () => {
    const outcome = await outcomeOf(db(), ofProd(), (tx) => call(tx, mine));
    if (reach === 'tenant') expect(saysNothing(outcome)).toBe(true);
    else expect(outcome).not.toHaveProperty('code');
    if (!forgets && reach !== 'tenant') expect(saysNothing(outcome)).toBe(false);
  });

  it('knows nothing of the clusters of others, as if they never were', async () => {
    const asOther = await outcomeOf(db(), ofOthers(), (tx) => call(tx, mine));
    if (reach === 'all') return expect(asOther).not.toHaveProperty('code');
    const asNever = await outcomeOf(db(), ofOthers(), (tx) => call(tx, nowhere()));
    if (!forgets) expect(saysNothing(asOther)).toBe(true);
    expect(shapeOf(asOther)).toEqual(shapeOf(asNever));
  });

  if (reach === 'all') return;
  it('changes nothing of the clusters of others', async () => {
    const before = await fingerprint();
    await committed(db(), ofOthers(), (tx) => call(tx, mine));
    expect(await fingerprint()).toEqual(before);
  });
});

/** Who is of `mine`, and sees these clusters only. */
function limitedTo(clusters: string): TenantContext {
  return { tenantId: mine.tenantId, clusters: selectorFromText('clusters', clusters) };
}

/** For good: what it did to its own tenant may stay, errors are as good as an answer. */
async function committed(
  db: Database,
  context: TenantContext | undefined,
  call: (tx: TenantTx) => Promise<unknown>,
): Promise<void> {
  try {
    if (context) await db.withTenant(context, call);
    else await db.withTenant(NOBODY, (tx) => call(new TenantTx(tx.queries, mine.tenantId)));
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
  }
}

/** All rows of `mine`, as the superuser sees them. */
async function fingerprint(): Promise<Record<string, unknown>> {
  const { admin } = database;
  const tables = await admin<{ name: string }[]>`
    select relname as name from pg_class
    join pg_attribute on attrelid = pg_class.oid and attname = 'tenant_id' and not attisdropped
    where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace`;
  const rows = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await admin`
        select count(*), md5(string_agg(t::text, ',' order by t::text))
        from ${admin(name)} t where tenant_id = ${mine.tenantId}`;
      return [name, row] as const;
    }),
  );
  return Object.fromEntries(rows);
}
