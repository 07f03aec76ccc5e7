-- Daily partitions (UTC) of event_batches and events, and one for what falls outside of them.
-- Nobody but the owner may touch a partition: one that is asked for by name escapes the row security
-- of its parent. So nothing is granted on them, and each has row security of its own that lets only
-- the owner through, whose two functions below need it.

CREATE FUNCTION bulkhead_close_partition(partition_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition_name);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition_name);
  EXECUTE format(
    'CREATE POLICY owner_only ON public.%I TO bulkhead_owner USING (true) WITH CHECK (true)',
    partition_name
  );
END
$$;

CREATE TABLE event_batches_default PARTITION OF event_batches DEFAULT;
CREATE TABLE events_default PARTITION OF events DEFAULT;
SELECT bulkhead_close_partition('event_batches_default');
SELECT bulkhead_close_partition('events_default');

-- Makes the partitions from yesterday to days_ahead days from now; returns the names of the new ones.
CREATE FUNCTION bulkhead_ensure_partitions(days_ahead integer) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parent text;
  day date;
  partition_name text;
  made text[] := '{}';
BEGIN
  IF days_ahead NOT BETWEEN 0 AND 60 THEN
    RAISE EXCEPTION 'days_ahead must be 0 to 60' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Two workers at once: the second waits and finds them made.
  PERFORM pg_advisory_xact_lock(hashtextextended('bulkhead_partitions', 0));
  FOREACH parent IN ARRAY ARRAY['event_batches', 'events'] LOOP
    FOR offset_days IN -1 .. days_ahead LOOP
      day := (now() AT TIME ZONE 'UTC')::date + offset_days;
      partition_name := parent || '_' || to_char(day, 'YYYYMMDD');
      CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
      -- Batches wait behind this lock, and it behind them: better to give up and come again.
      PERFORM set_config('lock_timeout', '2s', true);
      BEGIN
        EXECUTE format(
          'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
          partition_name, parent, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00'
        );
        PERFORM public.bulkhead_close_partition(partition_name);
        made := made || partition_name;
      EXCEPTION WHEN check_violation THEN
        -- The default partition holds rows of that day already (a clock was wrong): that day stays there.
        NULL;
      END;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$;

-- Drops the partitions whose day ended by the given time, and such rows of the default partition.
CREATE FUNCTION bulkhead_drop_partitions(parent text, before timestamptz) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  partition_name text;
  dropped text[] := '{}';
BEGIN
  IF parent NOT IN ('event_batches', 'events') THEN
    RAISE EXCEPTION 'not a partitioned table' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('bulkhead_partitions', 0));
  PERFORM set_config('lock_timeout', '2s', true);
  FOR partition_name IN
    SELECT child.relname
    FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = ('public.' || parent)::regclass
      AND child.relname ~ ('^' || parent || '_\d{8}$')
      AND (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= before
    ORDER BY child.relname
  LOOP
    EXECUTE format('DROP TABLE public.%I', partition_name);
    dropped := dropped || partition_name;
  END LOOP;
  IF parent = 'event_batches' THEN
    DELETE FROM public.event_batches_default WHERE batch_time < before;
  ELSE
    DELETE FROM public.events_default WHERE time < before;
  END IF;
  RETURN dropped;
END
$$;

REVOKE EXECUTE ON FUNCTION bulkhead_close_partition(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bulkhead_ensure_partitions(integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bulkhead_drop_partitions(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulkhead_ensure_partitions(integer) TO bulkhead_worker;
GRANT EXECUTE ON FUNCTION bulkhead_drop_partitions(text, timestamptz) TO bulkhead_worker;
