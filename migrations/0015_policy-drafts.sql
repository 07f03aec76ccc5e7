-- What may become the next version of a policy; and policies that are kept for their versions only.
CREATE TABLE "policy_drafts" (
	"tenant_id" uuid NOT NULL,
	"policy_id" uuid NOT NULL,
	"source" text NOT NULL,
	"revision" integer NOT NULL,
	"updated_by" text NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "policy_drafts_tenant_id_policy_id_pk" PRIMARY KEY("tenant_id","policy_id"),
	CONSTRAINT "policy_drafts_source_length" CHECK (octet_length("policy_drafts"."source") <= 262144)
);
--> statement-breakpoint
ALTER TABLE "policies" DROP CONSTRAINT "policies_name";--> statement-breakpoint
ALTER TABLE "policies" ADD COLUMN "archived_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "policies" ADD COLUMN "draft_revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "policy_drafts" ADD CONSTRAINT "policy_drafts_tenant_id_policy_id_policies_tenant_id_id_fk" FOREIGN KEY ("tenant_id","policy_id") REFERENCES "public"."policies"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "policies_name" ON "policies" USING btree ("tenant_id","name") WHERE "policies"."archived_at" is null;--> statement-breakpoint
-- As every table of tenants: see 0003_row-security.sql.
ALTER TABLE policy_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON policy_drafts USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_drafts TO bulkhead_app;
