-- How many of each thing a tenant may have. Written by drizzle-kit; what follows the constraint by hand.
CREATE TABLE "tenant_quotas" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"maximums" jsonb NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "tenant_quotas_form" CHECK (jsonb_typeof("tenant_quotas"."maximums") = 'object')
);
--> statement-breakpoint
ALTER TABLE "tenant_quotas" ADD CONSTRAINT "tenant_quotas_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;

-- As every table of tenants: see 0003_row-security.sql. But only a transaction of the platform writes.
ALTER TABLE tenant_quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_quotas USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
CREATE POLICY platform_inserts ON tenant_quotas AS RESTRICTIVE FOR INSERT
  WITH CHECK (current_setting('app.platform', true) = 'on');
CREATE POLICY platform_updates ON tenant_quotas AS RESTRICTIVE FOR UPDATE
  USING (current_setting('app.platform', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON tenant_quotas TO bulkhead_app;
