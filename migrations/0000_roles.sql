-- run as: login
-- Roles belong to the server, not to the database: another database, or whoever runs the server, may have made them.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['bulkhead_owner', 'bulkhead_app', 'bulkhead_worker'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', role_name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
    -- A login that is no superuser must be a member to SET ROLE. Where it may not make itself one, an
    -- administrator has done so, or the SET ROLE of the next migration says that it is missing.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      BEGIN
        EXECUTE format('GRANT %I TO %I', role_name, current_user);
      EXCEPTION WHEN insufficient_privilege THEN
        NULL;
      END;
    END IF;
  END LOOP;
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO bulkhead_owner;
GRANT USAGE ON SCHEMA public TO bulkhead_app, bulkhead_worker;

ALTER TABLE schema_migrations OWNER TO bulkhead_owner;
-- Names and check sums of files that anybody may read; a process asks whether its schema is there.
GRANT SELECT ON schema_migrations TO PUBLIC;
