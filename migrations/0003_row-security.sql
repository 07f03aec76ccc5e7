-- A transaction sees the rows of the tenant in app.tenant_id and no others; unset or '' is no tenant.
-- FORCE: the owner too. A table that a later migration adds does the same for itself.

CREATE FUNCTION bulkhead_current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'users', 'api_keys', 'clusters', 'join_tokens', 'join_redemptions', 'nodes', 'policies',
    'policy_versions', 'desired_state', 'bundles', 'event_batches', 'events', 'alerts',
    'webhook_endpoints', 'outbox'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (tenant_id = (SELECT bulkhead_current_tenant()))
        WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()))',
      table_name
    );
  END LOOP;
END
$$;

-- The list of tenants itself: a tenant reads its own row, a transaction of the platform all of them.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants FOR SELECT USING (id = (SELECT bulkhead_current_tenant()));
CREATE POLICY platform ON tenants
  USING (current_setting('app.platform', true) = 'on')
  WITH CHECK (current_setting('app.platform', true) = 'on');

-- What the loops of a worker scan over all tenants. Whatever they write of a tenant they write as that
-- tenant: there is no such policy but for SELECT.
CREATE POLICY worker_reads ON event_batches FOR SELECT TO bulkhead_worker USING (true);
CREATE POLICY worker_reads ON alerts FOR SELECT TO bulkhead_worker USING (true);
CREATE POLICY worker_reads ON webhook_endpoints FOR SELECT TO bulkhead_worker USING (true);
CREATE POLICY worker_reads ON outbox FOR SELECT TO bulkhead_worker USING (true);
