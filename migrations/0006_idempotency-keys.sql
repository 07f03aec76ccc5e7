-- Answers to requests that make something, for when they are repeated; clusters count their edits.
CREATE TABLE "idempotency_keys" (
	"tenant_id" uuid NOT NULL,
	"caller" text NOT NULL,
	"key" text NOT NULL,
	"request_sha256" "bytea" NOT NULL,
	"status" integer,
	"answer_encrypted" "bytea",
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_tenant_id_caller_key_pk" PRIMARY KEY("tenant_id","caller","key"),
	CONSTRAINT "idempotency_keys_key_length" CHECK (octet_length("idempotency_keys"."key") between 1 and 255),
	CONSTRAINT "idempotency_keys_sha256_length" CHECK (octet_length("idempotency_keys"."request_sha256") = 32),
	CONSTRAINT "idempotency_keys_answer_length" CHECK (octet_length("idempotency_keys"."answer_encrypted") <= 4194304)
);
--> statement-breakpoint
ALTER TABLE "clusters" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("tenant_id","created_at");--> statement-breakpoint
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_keys USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO bulkhead_app;
