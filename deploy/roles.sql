-- Two roles, and a database: as a superuser, `psql -f deploy/roles.sql`, then \password for each role.
-- truepush_owner owns every table: migrations, and workers, which make the schemas of new workspaces.
-- truepush_app reads and writes rows: the processes that the world can reach.
CREATE ROLE truepush_owner LOGIN;
CREATE ROLE truepush_app LOGIN;
CREATE DATABASE truepush OWNER truepush_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE truepush FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE truepush TO truepush_app;
\connect truepush
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO truepush_owner;
GRANT USAGE ON SCHEMA public TO truepush_app;
-- What the owner makes later, the schemas of workspaces included.
ALTER DEFAULT PRIVILEGES FOR ROLE truepush_owner GRANT USAGE ON SCHEMAS TO truepush_app;
ALTER DEFAULT PRIVILEGES FOR ROLE truepush_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO truepush_app;
ALTER DEFAULT PRIVILEGES FOR ROLE truepush_owner GRANT USAGE, SELECT ON SEQUENCES TO truepush_app;
