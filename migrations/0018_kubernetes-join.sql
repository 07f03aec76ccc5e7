-- Nodes that join with a token of their Kubernetes service account.
CREATE TABLE "kubernetes_join_tenants" (
	"cluster_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "kubernetes_join_uses" (
	"tenant_id" uuid NOT NULL,
	"cluster_id" uuid NOT NULL,
	"pod_uid" text NOT NULL,
	"enrollment_id" uuid NOT NULL,
	"token_sha256" "bytea" NOT NULL,
	"node_id" uuid NOT NULL,
	"join_number" integer NOT NULL,
	"public_key_sha256" "bytea" NOT NULL,
	"used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "kubernetes_join_uses_tenant_id_cluster_id_pod_uid_enrollment_id_pk" PRIMARY KEY("tenant_id","cluster_id","pod_uid","enrollment_id"),
	CONSTRAINT "kubernetes_join_uses_token" UNIQUE("tenant_id","cluster_id","token_sha256"),
	CONSTRAINT "kubernetes_join_uses_pod_length" CHECK (octet_length("kubernetes_join_uses"."pod_uid") between 1 and 64),
	CONSTRAINT "kubernetes_join_uses_token_length" CHECK (octet_length("kubernetes_join_uses"."token_sha256") = 32),
	CONSTRAINT "kubernetes_join_uses_key_length" CHECK (octet_length("kubernetes_join_uses"."public_key_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "kubernetes_joins" (
	"tenant_id" uuid NOT NULL,
	"cluster_id" uuid NOT NULL,
	"issuer" text NOT NULL,
	"audience" text NOT NULL,
	"jwks" jsonb NOT NULL,
	"namespace" text NOT NULL,
	"service_account" text NOT NULL,
	"labels" jsonb NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "kubernetes_joins_tenant_id_cluster_id_pk" PRIMARY KEY("tenant_id","cluster_id"),
	CONSTRAINT "kubernetes_joins_jwks_length" CHECK (octet_length("kubernetes_joins"."jwks"::text) <= 65536)
);
--> statement-breakpoint
ALTER TABLE "kubernetes_join_tenants" ADD CONSTRAINT "kubernetes_join_tenants_tenant_id_cluster_id_kubernetes_joins_tenant_id_cluster_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."kubernetes_joins"("tenant_id","cluster_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "kubernetes_join_uses" ADD CONSTRAINT "kubernetes_join_uses_tenant_id_node_id_nodes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","node_id") REFERENCES "public"."nodes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "kubernetes_joins" ADD CONSTRAINT "kubernetes_joins_tenant_id_cluster_id_clusters_tenant_id_id_fk" FOREIGN KEY ("tenant_id","cluster_id") REFERENCES "public"."clusters"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE kubernetes_joins ENABLE ROW LEVEL SECURITY;
ALTER TABLE kubernetes_joins FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON kubernetes_joins USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
ALTER TABLE kubernetes_join_uses ENABLE ROW LEVEL SECURITY;
ALTER TABLE kubernetes_join_uses FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON kubernetes_join_uses USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
CREATE POLICY clusters ON kubernetes_joins AS RESTRICTIVE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()));
CREATE POLICY clusters ON kubernetes_join_uses AS RESTRICTIVE
  USING ((SELECT bulkhead_caller_clusters()) IS NULL OR cluster_id IN (SELECT bulkhead_seen_clusters()));
GRANT SELECT, INSERT, UPDATE, DELETE ON kubernetes_joins TO bulkhead_app;
GRANT SELECT, INSERT ON kubernetes_join_tenants, kubernetes_join_uses TO bulkhead_app;
