-- Written by drizzle-kit; what follows the constraints by hand.
CREATE TABLE "platform_credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "platform_credentials_id_form" CHECK ("platform_credentials"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "platform_credentials_name_length" CHECK (octet_length("platform_credentials"."name") between 1 and 253),
	CONSTRAINT "platform_credentials_secret_length" CHECK (octet_length("platform_credentials"."secret_sha256") = 32)
);
--> statement-breakpoint
ALTER TABLE "users" RENAME TO "members";--> statement-breakpoint
ALTER TABLE "members" DROP CONSTRAINT "users_email";--> statement-breakpoint
ALTER TABLE "members" DROP CONSTRAINT "users_role";--> statement-breakpoint
ALTER TABLE "members" DROP CONSTRAINT "users_email_length";--> statement-breakpoint
ALTER TABLE "members" DROP CONSTRAINT "users_tenant_id_tenants_id_fk";
--> statement-breakpoint
ALTER TABLE "members" DROP CONSTRAINT "users_tenant_id_id_pk";--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_tenant_id_id_pk" PRIMARY KEY("tenant_id","id");--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "clusters" text;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "suspended_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "members" ADD COLUMN "clusters" text;--> statement-breakpoint
ALTER TABLE "members" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_email" UNIQUE("tenant_id","email");--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_clusters_length" CHECK (octet_length("api_keys"."clusters") between 1 and 8192);--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_role" CHECK ("members"."role" in ('owner', 'admin', 'policy-author', 'policy-approver', 'operator', 'integration-admin', 'viewer'));--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_email_length" CHECK (octet_length("members"."email") between 3 and 254);--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_clusters_length" CHECK (octet_length("members"."clusters") between 1 and 8192);

-- Callers that are limited to clusters. app.clusters is what their clusters' labels must match, a jsonpath
-- predicate, for one transaction; unset is no limit, and where it is no jsonpath every statement fails.
-- A replica of the version before knows no limits: limit nobody until all are of this one.
--
-- The form was chosen with 2000 clusters and 100000 nodes and events, Postgres 18 on two cores that others used
-- too: the best of six medians, in milliseconds, with the round trip. "5 %": a limit to so many of the clusters.
--                                                without limit                       5 %                 75 %
--                                                one    heart-  page of   500        one    page    count   count
--                                                node   beat    events    inserted   node           of 100000 nodes
-- no policy                                      0.13   0.17    0.52      10
-- this: IN (SELECT a function over clusters)     0.16   0.22    0.53      6          0.6    1.0     11      16
-- IN (SELECT bulkhead_seen_clusters())                   0.19   0.28    0.66      6          0.6    1.0     12      16
-- the ids in a setting, = ANY                    0.16           0.48                 0.3    1.2     56      415
-- the ids in a setting, IN (SELECT unnest)       0.19           0.53                 0.4    0.7     12      16
-- as the second, the selector in SQL over JSON   0.23           0.52                 11.6   11.8    21      28
-- The ids in a setting cost 1 ms more at the start of each transaction, and do not know a cluster that it makes.
-- Policies for a role of its own would cost others nothing, but whoever runs the server must make that role.
CREATE FUNCTION bulkhead_caller_clusters() RETURNS jsonpath
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.clusters', true), '')::jsonpath;

-- What is made or changed must match before and after. CASE, since OR has the planner expect few rows. A limit may
-- name what each cluster has of itself, which to put beside its labels takes 3 ms for 2000 clusters: only then.
CREATE POLICY clusters ON clusters AS RESTRICTIVE
  USING (CASE
    WHEN (SELECT bulkhead_caller_clusters()) IS NULL THEN true
    WHEN (SELECT bulkhead_caller_clusters()::text LIKE '%"bulkhead.io/%') THEN
      (labels || jsonb_build_object('bulkhead.io/cluster-id', id, 'bulkhead.io/cluster-name', name))
        @@ (SELECT bulkhead_caller_clusters())
    ELSE labels @@ (SELECT bulkhead_caller_clusters())
  END);

-- Those that the policies of clusters let through: of the tenant, and of the caller.
CREATE FUNCTION bulkhead_seen_clusters() RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT id FROM clusters;
END;

-- What belongs to a cluster.
DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['join_tokens', 'nodes', 'bundles', 'events', 'alerts'] LOOP
    EXECUTE format(
      'CREATE POLICY clusters ON %I AS RESTRICTIVE
        USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()))',
      table_name
    );
  END LOOP;
END
$$;
CREATE POLICY clusters ON outbox AS RESTRICTIVE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR alert_id IN (SELECT id FROM alerts));

-- What is desired in every cluster (no cluster_id) all may read.
CREATE POLICY clusters ON desired_state AS RESTRICTIVE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters())
    OR cluster_id IS NULL)
  WITH CHECK ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()));
CREATE POLICY clusters_update ON desired_state AS RESTRICTIVE FOR UPDATE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()));
CREATE POLICY clusters_delete ON desired_state AS RESTRICTIVE FOR DELETE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()));

-- What is of the whole tenant, and would tell of other clusters: nothing of it for them.
DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['api_keys', 'members', 'join_redemptions', 'event_batches'] LOOP
    EXECUTE format(
      'CREATE POLICY clusters ON %I AS RESTRICTIVE USING ((SELECT bulkhead_caller_clusters()) IS NULL)',
      table_name
    );
  END LOOP;
END
$$;
-- They write records of what they do, and read none.
CREATE POLICY clusters ON audit_log AS RESTRICTIVE FOR SELECT
  USING ((SELECT bulkhead_caller_clusters()) IS NULL);
-- They read where alerts go and what is set, and change nothing of it.
DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['webhook_endpoints', 'tenant_settings'] LOOP
    EXECUTE format(
      'CREATE POLICY clusters_insert ON %I AS RESTRICTIVE FOR INSERT
        WITH CHECK ((SELECT bulkhead_caller_clusters()) IS NULL)',
      table_name
    );
    EXECUTE format(
      'CREATE POLICY clusters_update ON %I AS RESTRICTIVE FOR UPDATE
        USING ((SELECT bulkhead_caller_clusters()) IS NULL)',
      table_name
    );
    EXECUTE format(
      'CREATE POLICY clusters_delete ON %I AS RESTRICTIVE FOR DELETE
        USING ((SELECT bulkhead_caller_clusters()) IS NULL)',
      table_name
    );
  END LOOP;
END
$$;

-- Members keep the policy and the grants that they had as users.
GRANT DELETE ON members TO bulkhead_app;

-- Above tenants: only a transaction of the platform sees who may make them.
GRANT UPDATE (name, suspended_at, revision) ON tenants TO bulkhead_app;
ALTER TABLE platform_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform_credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON platform_credentials
  USING (current_setting('app.platform', true) = 'on')
  WITH CHECK (current_setting('app.platform', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON platform_credentials TO bulkhead_app;
