-- roles.sql: a role of its own for the service in Postgres, which reads and writes rows and changes no table.
--
--   psql --username sdb --dbname sdb --file deploy/roles.sql
--
-- Run it as the role that owns the tables, and again after each migration. API and workers then sign in as
-- `sdb_service`; `python -m sdb_service.admin migrate` goes on as the owner, who alone can take away the triggers that
-- keep the audit log from being changed. Give the role its password with \password, so that it stands in no file.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdb_service') THEN
        CREATE ROLE sdb_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO sdb_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO sdb_service;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO sdb_service;
REVOKE UPDATE, DELETE ON audit_events FROM sdb_service;
REVOKE INSERT, DELETE ON audit_head FROM sdb_service;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM sdb_service;
