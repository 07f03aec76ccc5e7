-- What a person in a browser is known by, and what lets them in: links that are good for once, and the
-- identity providers of a tenant with who they are there and the logins that are under way.
CREATE TABLE "identity_providers" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"issuer" text NOT NULL,
	"client_id" text NOT NULL,
	"client_secret_encrypted" "bytea" NOT NULL,
	"scopes" jsonb NOT NULL,
	"claims" jsonb NOT NULL,
	"group_roles" jsonb NOT NULL,
	"default_role" text,
	"create_members" boolean NOT NULL,
	"serves_owners" boolean NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "identity_providers_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "identity_providers_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "identity_providers_name_length" CHECK (octet_length("identity_providers"."name") between 1 and 253),
	CONSTRAINT "identity_providers_issuer_length" CHECK (octet_length("identity_providers"."issuer") between 8 and 2048),
	CONSTRAINT "identity_providers_default_role" CHECK ("identity_providers"."default_role" in ('owner', 'admin', 'policy-author', 'policy-approver', 'operator', 'integration-admin', 'viewer'))
);
--> statement-breakpoint
CREATE TABLE "member_identities" (
	"tenant_id" uuid NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"member_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_login_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "member_identities_tenant_id_issuer_subject_pk" PRIMARY KEY("tenant_id","issuer","subject"),
	CONSTRAINT "member_identities_member" UNIQUE("tenant_id","member_id","issuer"),
	CONSTRAINT "member_identities_issuer_length" CHECK (octet_length("member_identities"."issuer") <= 2048),
	CONSTRAINT "member_identities_subject_length" CHECK (octet_length("member_identities"."subject") between 1 and 255)
);
--> statement-breakpoint
CREATE TABLE "login_attempt_tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "login_attempts" (
	"tenant_id" uuid NOT NULL,
	"id" text NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"browser_sha256" "bytea" NOT NULL,
	"provider_id" uuid NOT NULL,
	"checks_encrypted" "bytea" NOT NULL,
	"return_to" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "login_attempts_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "login_attempts_id_form" CHECK ("login_attempts"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "login_attempts_secret_length" CHECK (octet_length("login_attempts"."secret_sha256") = 32),
	CONSTRAINT "login_attempts_browser_length" CHECK (octet_length("login_attempts"."browser_sha256") = 32),
	CONSTRAINT "login_attempts_return_to_length" CHECK (octet_length("login_attempts"."return_to") <= 2048)
);
--> statement-breakpoint
CREATE TABLE "login_link_tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "login_links" (
	"tenant_id" uuid NOT NULL,
	"id" text NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"member_id" uuid NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "login_links_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "login_links_id_form" CHECK ("login_links"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "login_links_secret_length" CHECK (octet_length("login_links"."secret_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "session_tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"tenant_id" uuid NOT NULL,
	"id" text NOT NULL,
	"secret_sha256" "bytea" NOT NULL,
	"member_id" uuid NOT NULL,
	"identity_provider_id" uuid,
	"begun_by" text NOT NULL,
	"source_address" text,
	"user_agent" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "sessions_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "sessions_id_form" CHECK ("sessions"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "sessions_secret_length" CHECK (octet_length("sessions"."secret_sha256") = 32),
	CONSTRAINT "sessions_begun_by" CHECK ("sessions"."begun_by" in ('oidc', 'login-link')),
	CONSTRAINT "sessions_source_address_length" CHECK (octet_length("sessions"."source_address") <= 64),
	CONSTRAINT "sessions_user_agent_length" CHECK (octet_length("sessions"."user_agent") <= 256)
);
--> statement-breakpoint
ALTER TABLE "identity_providers" ADD CONSTRAINT "identity_providers_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "member_identities" ADD CONSTRAINT "member_identities_of_member" FOREIGN KEY ("tenant_id","member_id") REFERENCES "public"."members"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "login_attempt_tenants" ADD CONSTRAINT "login_attempt_tenants_tenant_id_id_login_attempts_tenant_id_id_fk" FOREIGN KEY ("tenant_id","id") REFERENCES "public"."login_attempts"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "login_attempts" ADD CONSTRAINT "login_attempts_provider" FOREIGN KEY ("tenant_id","provider_id") REFERENCES "public"."identity_providers"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "login_link_tenants" ADD CONSTRAINT "login_link_tenants_tenant_id_id_login_links_tenant_id_id_fk" FOREIGN KEY ("tenant_id","id") REFERENCES "public"."login_links"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "login_links" ADD CONSTRAINT "login_links_member" FOREIGN KEY ("tenant_id","member_id") REFERENCES "public"."members"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session_tenants" ADD CONSTRAINT "session_tenants_tenant_id_id_sessions_tenant_id_id_fk" FOREIGN KEY ("tenant_id","id") REFERENCES "public"."sessions"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_member" FOREIGN KEY ("tenant_id","member_id") REFERENCES "public"."members"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_identity_provider" FOREIGN KEY ("tenant_id","identity_provider_id") REFERENCES "public"."identity_providers"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "login_attempts_expiry" ON "login_attempts" USING btree ("tenant_id","expires_at");--> statement-breakpoint
CREATE INDEX "login_links_of_member" ON "login_links" USING btree ("tenant_id","member_id");--> statement-breakpoint
CREATE INDEX "sessions_of_identity_provider" ON "sessions" USING btree ("tenant_id","identity_provider_id");--> statement-breakpoint
CREATE INDEX "sessions_of_member" ON "sessions" USING btree ("tenant_id","member_id","created_at");--> statement-breakpoint
CREATE INDEX "sessions_expiry" ON "sessions" USING btree ("tenant_id","expires_at");--> statement-breakpoint
DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'sessions', 'login_links', 'login_attempts', 'identity_providers', 'member_identities'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (tenant_id = (SELECT bulkhead_current_tenant()))
        WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()))',
      table_name
    );
  END LOOP;
  -- Of the whole tenant: nothing of it for who is limited to clusters. A session is their own.
  FOREACH table_name IN ARRAY ARRAY[
    'login_links', 'login_attempts', 'identity_providers', 'member_identities'
  ] LOOP
    EXECUTE format(
      'CREATE POLICY clusters ON %I AS RESTRICTIVE USING ((SELECT bulkhead_caller_clusters()) IS NULL)',
      table_name
    );
  END LOOP;
END
$$;
-- What was watched in a session ends with it, however it ends.
CREATE TRIGGER sessions_change AFTER DELETE ON sessions
  FOR EACH ROW EXECUTE FUNCTION bulkhead_note_change('callers', 'id', '', 'wake');
GRANT SELECT, INSERT, UPDATE (last_used_at), DELETE ON sessions TO bulkhead_app;
GRANT SELECT, INSERT, DELETE ON login_links TO bulkhead_app;
-- UPDATE: a change of the master key seals them anew.
GRANT SELECT, INSERT, UPDATE (checks_encrypted), DELETE ON login_attempts TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON identity_providers TO bulkhead_app;
GRANT SELECT, INSERT, UPDATE (last_login_at) ON member_identities TO bulkhead_app;
-- Which tenant a public id belongs to. A row goes with its credential.
GRANT SELECT, INSERT ON session_tenants TO bulkhead_app;
GRANT SELECT, INSERT ON login_link_tenants TO bulkhead_app;
GRANT SELECT, INSERT ON login_attempt_tenants TO bulkhead_app;
