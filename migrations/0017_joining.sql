-- What a node's certificates are told apart by, labels of nodes, clusters that are archived.
ALTER TABLE "clusters" DROP CONSTRAINT "clusters_name";--> statement-breakpoint
ALTER TABLE "nodes" DROP CONSTRAINT "nodes_state";--> statement-breakpoint
ALTER TABLE "clusters" ADD COLUMN "archived_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "join_redemptions" ADD COLUMN "join_number" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "join_tokens" ADD COLUMN "last_used_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "join_tokens" ADD COLUMN "labels" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "labels" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "join_number" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "public_key_sha256" "bytea";--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "shown_generation" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "shown_serial" text;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "shown_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "quarantined_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE UNIQUE INDEX "clusters_name" ON "clusters" USING btree ("tenant_id","name") WHERE "clusters"."archived_at" is null;--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_state" CHECK ("nodes"."state" in ('joined', 'active', 'quarantined', 'released', 'revoked'));--> statement-breakpoint
-- A clone is found where it calls, at the edge: its alert and the notices of it are written there.
GRANT INSERT ON alerts, outbox TO bulkhead_app;
-- Who is limited to clusters revokes a token of theirs with the nodes that it let in.
DROP POLICY clusters ON join_redemptions;
CREATE POLICY clusters ON join_redemptions AS RESTRICTIVE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR node_id IN (SELECT id FROM nodes));
-- As in 0012, with what is new of a node that is shown.
DROP TRIGGER nodes_change ON nodes;
CREATE TRIGGER nodes_change AFTER UPDATE ON nodes
  FOR EACH ROW WHEN (
    (OLD.name, OLD.labels, OLD.kernel_release, OLD.agent_version, OLD.kubernetes_version, OLD.hooks,
      OLD.state, OLD.applied_revision, OLD.last_nack, OLD.joined_at, OLD.quarantined_at, OLD.revoked_at)
    IS DISTINCT FROM
    (NEW.name, NEW.labels, NEW.kernel_release, NEW.agent_version, NEW.kubernetes_version, NEW.hooks,
      NEW.state, NEW.applied_revision, NEW.last_nack, NEW.joined_at, NEW.quarantined_at, NEW.revoked_at)
  ) EXECUTE FUNCTION bulkhead_note_change('nodes', 'id', 'cluster_id', '');
