-- What changed in the last hour, for who watches. Written by drizzle-kit; what follows the indexes by hand.
CREATE TABLE "change_horizon" (
	"single" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"xid" "xid8" NOT NULL,
	"id" bigint NOT NULL,
	CONSTRAINT "change_horizon_single" CHECK ("change_horizon"."single")
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"tenant_id" uuid NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"topic" text NOT NULL,
	"target_id" text NOT NULL,
	"id" bigserial NOT NULL,
	"kind" text NOT NULL,
	"cluster_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "changes_tenant_id_xid_topic_target_id_pk" PRIMARY KEY("tenant_id","xid","topic","target_id"),
	CONSTRAINT "changes_topic_form" CHECK ("changes"."topic" ~ '^[a-z][a-z-]{0,30}$'),
	CONSTRAINT "changes_kind" CHECK ("changes"."kind" in ('created', 'updated', 'deleted'))
);
--> statement-breakpoint
CREATE INDEX "changes_order" ON "changes" USING btree ("xid","id");--> statement-breakpoint
CREATE INDEX "changes_age" ON "changes" USING btree ("created_at");

-- A tenant reads its own. A transaction of the platform reads those of all: one poll serves every open
-- stream of a replica. Only what belongs to the owner writes: the functions below.
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON changes USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
CREATE POLICY platform ON changes FOR SELECT TO bulkhead_app
  USING (current_setting('app.platform', true) = 'on');
-- Who is limited to clusters reads of those, and of what is of none. What they write is written by a trigger.
CREATE POLICY clusters ON changes AS RESTRICTIVE FOR SELECT TO bulkhead_app
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters())
    OR cluster_id IS NULL);
CREATE POLICY owner_writes ON changes TO bulkhead_owner USING (true) WITH CHECK (true);
GRANT SELECT ON changes, change_horizon TO bulkhead_app;

-- Arguments: the topic, which column is the thing's id, which its cluster ('' where it has none), and
-- 'wake' where who watches is to be woken: NOTIFY serialises the commits that send one, so only what
-- is written seldom does. The rest is found by the poll.
CREATE FUNCTION bulkhead_note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed record;
  tenant uuid;
  target text;
  cluster uuid;
BEGIN
  IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
  IF TG_TABLE_NAME = 'tenants' THEN tenant := changed.id; ELSE tenant := changed.tenant_id; END IF;
  IF TG_ARGV[1] = 'policy_id' THEN target := changed.policy_id; ELSE target := changed.id; END IF;
  IF TG_ARGV[2] = 'id' THEN cluster := changed.id;
  ELSIF TG_ARGV[2] = 'cluster_id' THEN cluster := changed.cluster_id;
  END IF;
  INSERT INTO public.changes (tenant_id, topic, target_id, kind, cluster_id)
  VALUES (
    tenant, TG_ARGV[0], target,
    -- What belongs to a thing comes and goes, and the thing is updated.
    CASE WHEN TG_ARGV[1] <> 'id' THEN 'updated'
      ELSE CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'DELETE' THEN 'deleted' ELSE 'updated' END END,
    cluster
  )
  ON CONFLICT (tenant_id, xid, topic, target_id) DO UPDATE SET kind = 'deleted'
    WHERE excluded.kind = 'deleted';
  IF TG_ARGV[3] = 'wake' THEN
    PERFORM pg_notify('bulkhead_changes', tenant::text);
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER clusters_change AFTER INSERT OR UPDATE OR DELETE ON clusters
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('clusters', 'id', 'id', 'wake');
CREATE TRIGGER policies_change AFTER INSERT OR UPDATE OR DELETE ON policies
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('policies', 'id', '', 'wake');
-- Where a policy is published is shown with it.
CREATE TRIGGER desired_state_change AFTER INSERT OR UPDATE OR DELETE ON desired_state
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('policies', 'policy_id', '', 'wake');

-- Ten thousand nodes say every few seconds that they are there: that is no change.
CREATE TRIGGER nodes_change_made AFTER INSERT OR DELETE ON nodes
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('nodes', 'id', 'cluster_id', '');
CREATE TRIGGER nodes_change AFTER UPDATE ON nodes
  FOR EACH ROW WHEN (
    (OLD.name, OLD.kernel_release, OLD.agent_version, OLD.kubernetes_version, OLD.hooks,
      OLD.state, OLD.applied_revision, OLD.last_nack, OLD.joined_at, OLD.revoked_at)
    IS DISTINCT FROM
    (NEW.name, NEW.kernel_release, NEW.agent_version, NEW.kubernetes_version, NEW.hooks,
      NEW.state, NEW.applied_revision, NEW.last_nack, NEW.joined_at, NEW.revoked_at)
  ) EXECUTE FUNCTION bulkhead_note_change('nodes', 'id', 'cluster_id', '');

-- One more event of an alert wakes nobody; a new alert, or one that is worse or in other hands, does.
CREATE TRIGGER alerts_change_made AFTER INSERT OR DELETE ON alerts
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('alerts', 'id', 'cluster_id', 'wake');
CREATE TRIGGER alerts_change_state AFTER UPDATE ON alerts
  FOR EACH ROW WHEN ((OLD.status, OLD.severity) IS DISTINCT FROM (NEW.status, NEW.severity))
  EXECUTE FUNCTION bulkhead_note_change('alerts', 'id', 'cluster_id', 'wake');
CREATE TRIGGER alerts_change_count AFTER UPDATE ON alerts
  FOR EACH ROW WHEN ((OLD.status, OLD.severity) IS NOT DISTINCT FROM (NEW.status, NEW.severity))
  EXECUTE FUNCTION bulkhead_note_change('alerts', 'id', 'cluster_id', '');

-- Nobody watches these: whoever keeps a stream open looks whether its caller still may. That a key was
-- used is no change.
CREATE TRIGGER api_keys_change AFTER UPDATE ON api_keys
  FOR EACH ROW WHEN (OLD.last_used_at IS NOT DISTINCT FROM NEW.last_used_at)
  EXECUTE FUNCTION bulkhead_note_change('callers', 'id', '', 'wake');
CREATE TRIGGER members_change AFTER UPDATE OR DELETE ON members
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('callers', 'id', '', 'wake');
CREATE TRIGGER tenants_change AFTER UPDATE ON tenants
  FOR EACH ROW WHEN (OLD.suspended_at IS DISTINCT FROM NEW.suspended_at)
  EXECUTE FUNCTION bulkhead_note_change('callers', 'id', '', 'wake');

-- Forgets what is older, and writes down how far.
CREATE FUNCTION bulkhead_trim_changes(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  trimmed bigint;
BEGIN
  WITH gone AS (
    DELETE FROM public.changes WHERE created_at < before RETURNING xid, id
  ), moved AS (
    INSERT INTO public.change_horizon AS horizon (xid, id)
    SELECT xid, id FROM gone ORDER BY gone.xid DESC, gone.id DESC LIMIT 1
    ON CONFLICT (single) DO UPDATE SET xid = excluded.xid, id = excluded.id
      WHERE (excluded.xid, excluded.id) > (horizon.xid, horizon.id)
  )
  SELECT count(*) INTO trimmed FROM gone;
  RETURN trimmed;
END
$$;

REVOKE EXECUTE ON FUNCTION bulkhead_note_change() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bulkhead_trim_changes(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulkhead_trim_changes(timestamptz) TO bulkhead_worker;
