-- Generations of a master key that a KMS plugin has wrapped.
CREATE TABLE "master_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"wrapped" "bytea" NOT NULL,
	"kms_key_id" text NOT NULL,
	"kms_annotations" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "master_keys_id_form" CHECK ("master_keys"."id" ~ '^[0-9a-f]{16}$'),
	CONSTRAINT "master_keys_state" CHECK ("master_keys"."state" in ('next', 'active', 'retiring', 'retired')),
	CONSTRAINT "master_keys_wrapped_length" CHECK (octet_length("master_keys"."wrapped") <= 1024)
);
--> statement-breakpoint
CREATE UNIQUE INDEX "master_keys_state_once" ON "master_keys" USING btree ("state") WHERE "master_keys"."state" <> 'retired';--> statement-breakpoint
-- Of no tenant. A key is never deleted: only where it stands, and that it is gone.
GRANT SELECT, INSERT ON master_keys TO bulkhead_app;
GRANT UPDATE (state, changed_at, wrapped, kms_annotations) ON master_keys TO bulkhead_app;
