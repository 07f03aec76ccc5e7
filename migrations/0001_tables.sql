-- Written by drizzle-kit; PARTITION BY added by hand, which it does not know.
CREATE SEQUENCE "public"."alert_change_id" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "alerts" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"group_key" "bytea" NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"title" text NOT NULL,
	"severity" text NOT NULL,
	"source" text NOT NULL,
	"policy_id" uuid,
	"policy_version" integer,
	"policy_response" integer,
	"rule_id" text,
	"cluster_id" uuid NOT NULL,
	"node_id" uuid NOT NULL,
	"first_event_id" text NOT NULL,
	"last_event_id" text NOT NULL,
	"first_seen_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"event_count" bigint NOT NULL,
	"verdict" text NOT NULL,
	"document" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"change_id" bigint DEFAULT nextval('alert_change_id') NOT NULL,
	CONSTRAINT "alerts_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "alerts_status_known" CHECK ("alerts"."status" in ('open', 'acknowledged', 'closed')),
	CONSTRAINT "alerts_source_known" CHECK ("alerts"."source" in ('policy', 'rule')),
	CONSTRAINT "alerts_severity_known" CHECK ("alerts"."severity" in ('info', 'low', 'medium', 'high', 'critical')),
	CONSTRAINT "alerts_event_count" CHECK ("alerts"."event_count" >= 1)
);
--> statement-breakpoint
CREATE TABLE "api_key_tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"tenant_id" uuid NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"role" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	CONSTRAINT "api_keys_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "api_keys_role" CHECK ("api_keys"."role" in ('owner', 'admin', 'policy-author', 'policy-approver', 'operator', 'integration-admin', 'viewer')),
	CONSTRAINT "api_keys_id_form" CHECK ("api_keys"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "api_keys_name_length" CHECK (octet_length("api_keys"."name") between 1 and 253),
	CONSTRAINT "api_keys_secret_length" CHECK (octet_length("api_keys"."secret_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "bundles" (
	"tenant_id" uuid NOT NULL,
	"cluster_id" uuid NOT NULL,
	"revision" bigint NOT NULL,
	"content_sha256" "bytea" NOT NULL,
	"envelope_gzip" "bytea" NOT NULL,
	"signing_key_id" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "bundles_tenant_id_cluster_id_revision_pk" PRIMARY KEY("tenant_id","cluster_id","revision"),
	CONSTRAINT "bundles_revision" CHECK ("bundles"."revision" >= 1),
	CONSTRAINT "bundles_sha256_length" CHECK (octet_length("bundles"."content_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "clusters" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"labels" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "clusters_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "clusters_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "clusters_name_length" CHECK (octet_length("clusters"."name") between 1 and 253)
);
--> statement-breakpoint
CREATE TABLE "desired_state" (
	"tenant_id" uuid NOT NULL,
	"policy_id" uuid NOT NULL,
	"cluster_id" uuid,
	"version" integer NOT NULL,
	"mode" text NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "desired_state_key" UNIQUE NULLS NOT DISTINCT("tenant_id","policy_id","cluster_id"),
	CONSTRAINT "desired_state_mode" CHECK ("desired_state"."mode" in ('observe', 'enforce'))
);
--> statement-breakpoint
CREATE TABLE "event_batches" (
	"tenant_id" uuid NOT NULL,
	"node_id" uuid NOT NULL,
	"boot_id" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"batch_time" timestamp (3) with time zone NOT NULL,
	"kind" smallint NOT NULL,
	"event_count" integer NOT NULL,
	"payload" "bytea" NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"shard" smallint NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"id" bigserial NOT NULL,
	CONSTRAINT "event_batches_pk" PRIMARY KEY("tenant_id","node_id","boot_id","sequence","batch_time"),
	CONSTRAINT "event_batches_shard" CHECK ("event_batches"."shard" between 0 and 15),
	CONSTRAINT "event_batches_payload_length" CHECK (octet_length("event_batches"."payload") <= 1048576)
) PARTITION BY RANGE ("batch_time");
--> statement-breakpoint
CREATE TABLE "event_cursors" (
	"consumer" text NOT NULL,
	"shard" smallint NOT NULL,
	"last_xid" "xid8" DEFAULT '0' NOT NULL,
	"last_id" bigint DEFAULT 0 NOT NULL,
	"advanced_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_id" uuid,
	"lease_until" timestamp (3) with time zone,
	CONSTRAINT "event_cursors_consumer_shard_pk" PRIMARY KEY("consumer","shard")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"tenant_id" uuid NOT NULL,
	"time" timestamp (3) with time zone NOT NULL,
	"id" text NOT NULL,
	"cluster_id" uuid NOT NULL,
	"node_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"verdict" text NOT NULL,
	"container_id" text,
	"document" jsonb NOT NULL,
	CONSTRAINT "events_tenant_id_time_id_pk" PRIMARY KEY("tenant_id","time","id")
) PARTITION BY RANGE ("time");
--> statement-breakpoint
CREATE TABLE "join_redemptions" (
	"tenant_id" uuid NOT NULL,
	"token_id" text NOT NULL,
	"enrollment_id" uuid NOT NULL,
	"node_id" uuid NOT NULL,
	"public_key_sha256" "bytea" NOT NULL,
	"redeemed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "join_redemptions_tenant_id_token_id_enrollment_id_pk" PRIMARY KEY("tenant_id","token_id","enrollment_id"),
	CONSTRAINT "join_redemptions_key_length" CHECK (octet_length("join_redemptions"."public_key_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "join_token_tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "join_tokens" (
	"tenant_id" uuid NOT NULL,
	"id" text NOT NULL,
	"cluster_id" uuid NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"max_uses" integer DEFAULT 1 NOT NULL,
	"uses" integer DEFAULT 0 NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone DEFAULT now() + interval '24 hours' NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "join_tokens_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "join_tokens_id_form" CHECK ("join_tokens"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "join_tokens_secret_length" CHECK (octet_length("join_tokens"."secret_sha256") = 32),
	CONSTRAINT "join_tokens_uses" CHECK ("join_tokens"."uses" between 0 and "join_tokens"."max_uses")
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"cluster_id" uuid NOT NULL,
	"name" text NOT NULL,
	"kernel_release" text NOT NULL,
	"architecture" text NOT NULL,
	"agent_version" text NOT NULL,
	"hooks" jsonb NOT NULL,
	"state" text NOT NULL,
	"certificate_serial" text,
	"certificate_not_after" timestamp (3) with time zone,
	"applied_revision" bigint DEFAULT 0 NOT NULL,
	"applied_at" timestamp (3) with time zone,
	"last_nack" jsonb,
	"losses" jsonb,
	"joined_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "nodes_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "nodes_name" UNIQUE("tenant_id","cluster_id","name"),
	CONSTRAINT "nodes_name_length" CHECK (octet_length("nodes"."name") between 1 and 253),
	CONSTRAINT "nodes_state" CHECK ("nodes"."state" in ('joined', 'active', 'revoked'))
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"alert_id" uuid NOT NULL,
	"event_type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp (3) with time zone,
	CONSTRAINT "outbox_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "outbox_state" CHECK ("outbox"."state" in ('pending', 'delivered', 'dead'))
);
--> statement-breakpoint
CREATE TABLE "platform_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"public_der" "bytea" NOT NULL,
	"private_encrypted" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"not_after" timestamp (3) with time zone,
	CONSTRAINT "platform_keys_kind" CHECK ("platform_keys"."kind" in ('ca', 'bundle-signing')),
	CONSTRAINT "platform_keys_state" CHECK ("platform_keys"."state" in ('active', 'next', 'retired'))
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"latest_version" integer DEFAULT 1 NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "policies_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "policies_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "policies_name_length" CHECK (octet_length("policies"."name") between 1 and 253)
);
--> statement-breakpoint
CREATE TABLE "policy_versions" (
	"tenant_id" uuid NOT NULL,
	"policy_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"source" text NOT NULL,
	"normalised" "bytea" NOT NULL,
	"sha256" "bytea" NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "policy_versions_tenant_id_policy_id_version_pk" PRIMARY KEY("tenant_id","policy_id","version"),
	CONSTRAINT "policy_versions_version" CHECK ("policy_versions"."version" >= 1),
	CONSTRAINT "policy_versions_source_length" CHECK (octet_length("policy_versions"."source") <= 262144),
	CONSTRAINT "policy_versions_sha256_length" CHECK (octet_length("policy_versions"."sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_name_unique" UNIQUE("name"),
	CONSTRAINT "tenants_name_length" CHECK (octet_length("tenants"."name") between 1 and 253)
);
--> statement-breakpoint
CREATE TABLE "users" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"email" text NOT NULL,
	"display_name" text NOT NULL,
	"role" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"disabled_at" timestamp (3) with time zone,
	CONSTRAINT "users_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "users_email" UNIQUE("tenant_id","email"),
	CONSTRAINT "users_role" CHECK ("users"."role" in ('owner', 'admin', 'policy-author', 'policy-approver', 'operator', 'integration-admin', 'viewer')),
	CONSTRAINT "users_email_length" CHECK (octet_length("users"."email") between 3 and 254)
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"secret_encrypted" "bytea" NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_endpoints_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "webhook_endpoints_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "webhook_endpoints_name_length" CHECK (octet_length("webhook_endpoints"."name") between 1 and 253),
	CONSTRAINT "webhook_endpoints_url_length" CHECK (octet_length("webhook_endpoints"."url") between 1 and 2048)
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_key_tenants" ADD CONSTRAINT "api_key_tenants_tenant_id_id_api_keys_tenant_id_id_fk" FOREIGN KEY ("tenant_id","id") REFERENCES "public"."api_keys"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bundles" ADD CONSTRAINT "bundles_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clusters" ADD CONSTRAINT "clusters_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "desired_state" ADD CONSTRAINT "desired_state_version_fk" FOREIGN KEY ("tenant_id","policy_id","version") REFERENCES "public"."policy_versions"("tenant_id","policy_id","version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "desired_state" ADD CONSTRAINT "desired_state_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_redemptions" ADD CONSTRAINT "join_redemptions_tenant_id_token_id_join_tokens_tenant_id_id_fk" FOREIGN KEY ("tenant_id","token_id") REFERENCES "public"."join_tokens"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_redemptions" ADD CONSTRAINT "join_redemptions_tenant_id_node_id_nodes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","node_id") REFERENCES "public"."nodes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_token_tenants" ADD CONSTRAINT "join_token_tenants_tenant_id_id_join_tokens_tenant_id_id_fk" FOREIGN KEY ("tenant_id","id") REFERENCES "public"."join_tokens"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_tokens" ADD CONSTRAINT "join_tokens_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_tenant_id_endpoint_id_webhook_endpoints_tenant_id_id_fk" FOREIGN KEY ("tenant_id","endpoint_id") REFERENCES "public"."webhook_endpoints"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_tenant_id_alert_id_alerts_tenant_id_id_fk" FOREIGN KEY ("tenant_id","alert_id") REFERENCES "public"."alerts"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policies" ADD CONSTRAINT "policies_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policy_versions" ADD CONSTRAINT "policy_versions_tenant_id_policy_id_policies_tenant_id_id_fk" FOREIGN KEY ("tenant_id","policy_id") REFERENCES "public"."policies"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_open_group" ON "alerts" USING btree ("tenant_id","group_key") WHERE "alerts"."status" <> 'closed';--> statement-breakpoint
CREATE INDEX "alerts_status" ON "alerts" USING btree ("tenant_id","status","id");--> statement-breakpoint
CREATE INDEX "alerts_changes" ON "alerts" USING btree ("xid","change_id");--> statement-breakpoint
CREATE INDEX "event_batches_log" ON "event_batches" USING btree ("shard","xid","id");--> statement-breakpoint
CREATE INDEX "events_container" ON "events" USING btree ("tenant_id","container_id","time");--> statement-breakpoint
CREATE INDEX "events_node" ON "events" USING btree ("tenant_id","node_id","time");--> statement-breakpoint
CREATE INDEX "outbox_endpoint" ON "outbox" USING btree ("tenant_id","endpoint_id","id");--> statement-breakpoint
CREATE INDEX "outbox_due" ON "outbox" USING btree ("next_attempt_at") WHERE "outbox"."state" = 'pending';--> statement-breakpoint
CREATE UNIQUE INDEX "platform_keys_active" ON "platform_keys" USING btree ("kind") WHERE "platform_keys"."state" = 'active';