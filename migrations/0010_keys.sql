-- Keys of the installation are changed in steps, and nodes say which keys they believe.
ALTER TABLE "platform_keys" DROP CONSTRAINT "platform_keys_state";--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "certificate_authority" text;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "trust_sha256" "bytea";--> statement-breakpoint
ALTER TABLE "platform_keys" ADD COLUMN "changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "platform_keys_next" ON "platform_keys" USING btree ("kind") WHERE "platform_keys"."state" = 'next';--> statement-breakpoint
CREATE UNIQUE INDEX "platform_keys_retiring" ON "platform_keys" USING btree ("kind") WHERE "platform_keys"."state" = 'retiring';--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_trust_length" CHECK (octet_length("nodes"."trust_sha256") = 32);--> statement-breakpoint
ALTER TABLE "platform_keys" ADD CONSTRAINT "platform_keys_state" CHECK ("platform_keys"."state" in ('next', 'active', 'retiring', 'retired'));--> statement-breakpoint
-- A key is never deleted and never becomes another: only where it stands, how it is sealed, that it is gone.
GRANT UPDATE (state, changed_at, private_encrypted) ON platform_keys TO bulkhead_app;
