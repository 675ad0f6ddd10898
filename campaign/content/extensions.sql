-- What RDS lets its master user do and PostgreSQL only a superuser.
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION ltree;
CREATE EXTENSION bloom;
CREATE EXTENSION unaccent;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far.example', dbname 'there');
CREATE FUNCTION public.note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$;
CREATE EVENT TRIGGER watch_ddl ON ddl_command_end WHEN TAG IN ('DROP FUNCTION')
    EXECUTE FUNCTION public.note_ddl();
CREATE FUNCTION public.length_compare(text, text) RETURNS int LANGUAGE sql IMMUTABLE STRICT
    AS $$SELECT pg_catalog.length($1) - pg_catalog.length($2)$$;
CREATE OPERATOR CLASS public.by_length FOR TYPE text USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 public.length_compare(text, text);
CREATE FUNCTION pg_catalog.house_rule() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
DO $$BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        CREATE FUNCTION public.note_login() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER watch_logins ON login EXECUTE FUNCTION public.note_login();
    END IF;
END$$;
