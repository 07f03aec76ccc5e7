-- Which policy runs where is an assignment by labels; desired_state is derived of them, cluster by cluster.
-- A replica of the version before reads it as ever, but can publish no more, and a cluster that it makes
-- meanwhile gets its policies with the cluster's or the assignments' next edit.
-- What is derived is no change of its own any more.
DROP TRIGGER desired_state_change ON desired_state;
CREATE TABLE "assignments" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"policy_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"clusters" text NOT NULL,
	"mode" text NOT NULL,
	"priority" integer DEFAULT 0 NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "assignments_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "assignments_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "assignments_policy" UNIQUE("tenant_id","policy_id","id"),
	CONSTRAINT "assignments_name_length" CHECK (octet_length("assignments"."name") between 1 and 253),
	CONSTRAINT "assignments_clusters_length" CHECK (octet_length("assignments"."clusters") <= 4096),
	CONSTRAINT "assignments_mode" CHECK ("assignments"."mode" in ('observe', 'enforce')),
	CONSTRAINT "assignments_priority" CHECK ("assignments"."priority" between -1000 and 1000)
);
--> statement-breakpoint
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_version_fk" FOREIGN KEY ("tenant_id","policy_id","version") REFERENCES "public"."policy_versions"("tenant_id","policy_id","version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON assignments TO bulkhead_app;--> statement-breakpoint

-- What is desired becomes assignments. The owner sees no tenant's rows unless it is let to.
ALTER TABLE policies NO FORCE ROW LEVEL SECURITY;
ALTER TABLE clusters NO FORCE ROW LEVEL SECURITY;
ALTER TABLE desired_state NO FORCE ROW LEVEL SECURITY;

-- What every cluster runs: no selector, under the name of the policy.
INSERT INTO assignments
  (tenant_id, id, name, policy_id, version, clusters, mode, priority, created_by, created_at)
SELECT d.tenant_id, gen_random_uuid(), p.name, d.policy_id, d.version, '', d.mode, 0, 'migration', d.updated_at
FROM desired_state d
JOIN policies p ON p.tenant_id = d.tenant_id AND p.id = d.policy_id
WHERE d.cluster_id IS NULL;

-- What a cluster has of its own wins over that, as it did. A selector has at most 64 values.
INSERT INTO assignments
  (tenant_id, id, name, policy_id, version, clusters, mode, priority, created_by, created_at)
SELECT own.tenant_id, own.id, left(p.name, 40) || ' on its own ' || own.id, own.policy_id, own.version,
  'bulkhead.io/cluster-id in (' || own.cluster_ids || ')', own.mode, 1, 'migration', own.updated_at
FROM (
  SELECT tenant_id, gen_random_uuid() AS id, policy_id, version, mode, max(updated_at) AS updated_at,
    string_agg(cluster_id::text, ',' ORDER BY cluster_id) AS cluster_ids
  FROM (
    SELECT *, (row_number() OVER (
      PARTITION BY tenant_id, policy_id, version, mode ORDER BY cluster_id) - 1) / 64 AS part
    FROM desired_state
    WHERE cluster_id IS NOT NULL
  ) numbered
  GROUP BY tenant_id, policy_id, version, mode, part
) own
JOIN policies p ON p.tenant_id = own.tenant_id AND p.id = own.policy_id;
--> statement-breakpoint
ALTER TABLE "desired_state" DROP CONSTRAINT "desired_state_key";--> statement-breakpoint
ALTER TABLE "desired_state" ADD COLUMN "assignment_id" uuid;--> statement-breakpoint
UPDATE desired_state d SET assignment_id = a.id
FROM assignments a
WHERE a.tenant_id = d.tenant_id AND a.policy_id = d.policy_id AND a.priority = 1
  AND strpos(a.clusters, d.cluster_id::text) > 0;
INSERT INTO desired_state (tenant_id, policy_id, cluster_id, version, mode, updated_at, assignment_id)
SELECT a.tenant_id, a.policy_id, c.id, a.version, a.mode, a.created_at, a.id
FROM assignments a
JOIN clusters c ON c.tenant_id = a.tenant_id
WHERE a.priority = 0 AND NOT EXISTS (
  SELECT FROM desired_state d
  WHERE d.tenant_id = a.tenant_id AND d.policy_id = a.policy_id AND d.cluster_id = c.id
);
DELETE FROM desired_state WHERE cluster_id IS NULL;
--> statement-breakpoint
ALTER TABLE "desired_state" ALTER COLUMN "assignment_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "desired_state" ALTER COLUMN "cluster_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "desired_state" ADD CONSTRAINT "desired_state_pk" PRIMARY KEY("tenant_id","cluster_id","policy_id");--> statement-breakpoint
ALTER TABLE "desired_state" ADD CONSTRAINT "desired_state_assignment_fk" FOREIGN KEY ("tenant_id","policy_id","assignment_id") REFERENCES "public"."assignments"("tenant_id","policy_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "desired_state_assignment" ON "desired_state" USING btree ("tenant_id","policy_id","assignment_id");--> statement-breakpoint

-- As every table of tenants: see 0003_row-security.sql.
ALTER TABLE policies FORCE ROW LEVEL SECURITY;
ALTER TABLE clusters FORCE ROW LEVEL SECURITY;
ALTER TABLE desired_state FORCE ROW LEVEL SECURITY;
ALTER TABLE assignments ENABLE ROW LEVEL SECURITY;
ALTER TABLE assignments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON assignments USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
CREATE TRIGGER assignments_change AFTER INSERT OR UPDATE OR DELETE ON assignments
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('assignments', 'id', '', 'wake');
