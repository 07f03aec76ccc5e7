-- Written by drizzle-kit; what follows the indexes by hand.
CREATE TABLE "audit_heads" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"sequence" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_heads_sequence" CHECK ("audit_heads"."sequence" >= 0),
	CONSTRAINT "audit_heads_hash_length" CHECK (octet_length("audit_heads"."hash") = 32)
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"tenant_id" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"time" timestamp (3) with time zone NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text NOT NULL,
	"actor_name" text NOT NULL,
	"action" text NOT NULL,
	"target_kind" text NOT NULL,
	"target_id" text NOT NULL,
	"before_sha256" "bytea",
	"after_sha256" "bytea",
	"details" jsonb NOT NULL,
	"source_address" text,
	"user_agent" text,
	"request_id" text,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_log_tenant_id_sequence_pk" PRIMARY KEY("tenant_id","sequence"),
	CONSTRAINT "audit_log_sequence" CHECK ("audit_log"."sequence" >= 1),
	CONSTRAINT "audit_log_actor_kind" CHECK ("audit_log"."actor_kind" in ('api-key', 'member', 'node', 'platform', 'system')),
	CONSTRAINT "audit_log_actor_id_length" CHECK (octet_length("audit_log"."actor_id") between 1 and 253),
	CONSTRAINT "audit_log_actor_name_length" CHECK (octet_length("audit_log"."actor_name") between 1 and 253),
	CONSTRAINT "audit_log_action_form" CHECK ("audit_log"."action" ~ '^[a-z][a-z-]{0,30}\.[a-z][a-z-]{0,30}$'),
	CONSTRAINT "audit_log_target_kind_form" CHECK ("audit_log"."target_kind" ~ '^[a-z][a-z-]{0,30}$'),
	CONSTRAINT "audit_log_target_id_length" CHECK (octet_length("audit_log"."target_id") between 1 and 253),
	CONSTRAINT "audit_log_before_length" CHECK (octet_length("audit_log"."before_sha256") = 32),
	CONSTRAINT "audit_log_after_length" CHECK (octet_length("audit_log"."after_sha256") = 32),
	CONSTRAINT "audit_log_details_form" CHECK (jsonb_typeof("audit_log"."details") = 'object'),
	CONSTRAINT "audit_log_details_length" CHECK (octet_length("audit_log"."details"::text) <= 8192),
	CONSTRAINT "audit_log_source_length" CHECK (octet_length("audit_log"."source_address") between 1 and 64),
	CONSTRAINT "audit_log_user_agent_length" CHECK (octet_length("audit_log"."user_agent") between 1 and 256),
	CONSTRAINT "audit_log_request_id_length" CHECK (octet_length("audit_log"."request_id") between 1 and 128),
	CONSTRAINT "audit_log_previous_hash_length" CHECK (octet_length("audit_log"."previous_hash") = 32),
	CONSTRAINT "audit_log_hash_length" CHECK (octet_length("audit_log"."hash") = 32)
);
--> statement-breakpoint
ALTER TABLE "audit_heads" ADD CONSTRAINT "audit_heads_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "audit_log" ADD CONSTRAINT "audit_log_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_log_target" ON "audit_log" USING btree ("tenant_id","target_kind","target_id","sequence");--> statement-breakpoint
CREATE INDEX "audit_log_actor" ON "audit_log" USING btree ("tenant_id","actor_id","sequence");--> statement-breakpoint
CREATE INDEX "audit_log_time" ON "audit_log" USING btree ("tenant_id","time");

-- As every table of tenants: see 0003_row-security.sql.
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_heads USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));

-- A record is written once, and nobody but the two functions below touches a head.
GRANT SELECT, INSERT ON audit_log TO bulkhead_app;
GRANT SELECT ON audit_heads TO bulkhead_app;

-- Locks the head of the current tenant's chain until the transaction ends and says where it is, and what
-- the time is then. A statement that waited for the lock sees what the transaction before it wrote, since
-- each statement of a volatile function has a snapshot of its own. The owner is held to row security too.
CREATE FUNCTION bulkhead_lock_audit_head(
  OUT tenant_id uuid, OUT sequence bigint, OUT hash bytea, OUT "time" timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant CONSTANT uuid := public.bulkhead_current_tenant();
BEGIN
  FOR attempt IN 1 .. 2 LOOP
    SELECT head.tenant_id, head.sequence, head.hash
    INTO tenant_id, sequence, hash
    FROM public.audit_heads head WHERE head.tenant_id = tenant FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO public.audit_heads (tenant_id, sequence, hash)
    VALUES (tenant, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
  END LOOP;
  "time" := date_trunc('milliseconds', clock_timestamp());
END
$$;

-- Holds every insert, whoever makes it, to the end of its chain. What the hash says is verified elsewhere.
CREATE FUNCTION bulkhead_move_audit_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.audit_heads head SET sequence = NEW.sequence, hash = NEW.hash
  WHERE head.tenant_id = NEW.tenant_id
    AND head.sequence = NEW.sequence - 1 AND head.hash = NEW.previous_hash;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the record does not follow the head of its chain'
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER audit_log_moves_head AFTER INSERT ON audit_log
  FOR EACH ROW EXECUTE FUNCTION bulkhead_move_audit_head();

REVOKE EXECUTE ON FUNCTION bulkhead_lock_audit_head() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bulkhead_move_audit_head() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulkhead_lock_audit_head() TO bulkhead_app;
