-- What each role may do at all; row security says to which rows. No TRUNCATE, which row security does
-- not cover, no REFERENCES, no TRIGGER, and nothing on partitions.

-- bulkhead_app: the edge and the API.
GRANT SELECT, INSERT ON tenants TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON users TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON api_keys TO bulkhead_app;
GRANT SELECT, INSERT ON api_key_tenants TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON clusters TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON join_tokens TO bulkhead_app;
GRANT SELECT, INSERT ON join_token_tenants TO bulkhead_app;
GRANT SELECT, INSERT ON join_redemptions TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON nodes TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE ON policies TO bulkhead_app;
-- A version is written once.
GRANT SELECT, INSERT ON policy_versions TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON desired_state TO bulkhead_app;
GRANT SELECT, INSERT, DELETE ON bundles TO bulkhead_app;
GRANT SELECT, INSERT ON event_batches TO bulkhead_app;
GRANT USAGE ON SEQUENCE event_batches_id_seq TO bulkhead_app;
GRANT SELECT ON events TO bulkhead_app;
GRANT SELECT, UPDATE (status, xid, change_id) ON alerts TO bulkhead_app;
GRANT USAGE ON SEQUENCE alert_change_id TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints TO bulkhead_app;
GRANT SELECT ON outbox TO bulkhead_app;
GRANT SELECT, INSERT ON platform_keys TO bulkhead_app;

-- bulkhead_worker: the loops.
GRANT SELECT ON tenants, clusters, nodes, webhook_endpoints TO bulkhead_worker;
GRANT SELECT ON event_batches TO bulkhead_worker;
GRANT SELECT, INSERT, UPDATE ON event_cursors TO bulkhead_worker;
GRANT SELECT, INSERT ON events TO bulkhead_worker;
GRANT SELECT, INSERT, UPDATE ON alerts TO bulkhead_worker;
GRANT USAGE ON SEQUENCE alert_change_id TO bulkhead_worker;
GRANT SELECT, INSERT ON outbox TO bulkhead_worker;
GRANT UPDATE (state, attempts, next_attempt_at, last_error, delivered_at) ON outbox TO bulkhead_worker;
