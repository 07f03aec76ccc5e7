CREATE TABLE "tenant_settings" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"event_days" integer NOT NULL,
	"closed_alert_days" integer NOT NULL,
	"delivery_days" integer NOT NULL,
	"freeze_windows" jsonb NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "tenant_settings_event_days" CHECK ("tenant_settings"."event_days" between 1 and 365),
	CONSTRAINT "tenant_settings_closed_alert_days" CHECK ("tenant_settings"."closed_alert_days" between 1 and 3650),
	CONSTRAINT "tenant_settings_delivery_days" CHECK ("tenant_settings"."delivery_days" between 1 and 365)
);
--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "tenant_settings" ADD CONSTRAINT "tenant_settings_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;
-- As every table of tenants: see 0003_row-security.sql.
ALTER TABLE tenant_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_settings USING (tenant_id = (SELECT bulkhead_current_tenant()))
  WITH CHECK (tenant_id = (SELECT bulkhead_current_tenant()));
CREATE POLICY worker_reads ON tenant_settings FOR SELECT TO bulkhead_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON tenant_settings TO bulkhead_app;
GRANT SELECT ON tenant_settings TO bulkhead_worker;
GRANT DELETE ON events, alerts, outbox TO bulkhead_worker;

-- Drops the days of the log that ended by `before` and that every consumer has read, and those that
-- ended by `before_unread` in any case; and such rows of the default partition. What somebody has not
-- read is looked for behind the lock under which it is dropped: a batch of that day may come until then.
CREATE FUNCTION bulkhead_drop_batches(before timestamptz, before_unread timestamptz) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  partition_name text;
  day_end timestamptz;
  is_unread boolean;
  dropped text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('bulkhead_partitions', 0));
  PERFORM set_config('lock_timeout', '2s', true);
  FOR partition_name, day_end IN
    SELECT child.relname, (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC'
    FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = 'public.event_batches'::regclass
      AND child.relname ~ '^event_batches_\d{8}$'
      AND (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= before
    ORDER BY child.relname
  LOOP
    -- The parent first, as whoever inserts locks them.
    LOCK TABLE ONLY public.event_batches IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', partition_name);
    IF day_end > before_unread THEN
      EXECUTE format(
        'SELECT EXISTS (SELECT FROM public.%I b JOIN public.event_cursors c
          ON c.shard = b.shard AND (b.xid, b.id) > (c.last_xid, c.last_id))',
        partition_name
      ) INTO is_unread;
      CONTINUE WHEN is_unread;
    END IF;
    EXECUTE format('DROP TABLE public.%I', partition_name);
    dropped := dropped || partition_name;
  END LOOP;
  DELETE FROM public.event_batches_default b
  WHERE b.batch_time < before AND (
    b.batch_time < before_unread OR NOT EXISTS (
      SELECT FROM public.event_cursors c
      WHERE c.shard = b.shard AND (b.xid, b.id) > (c.last_xid, c.last_id)
    )
  );
  RETURN dropped;
END
$$;

REVOKE EXECUTE ON FUNCTION bulkhead_drop_batches(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulkhead_drop_batches(timestamptz, timestamptz) TO bulkhead_worker;
