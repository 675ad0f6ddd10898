-- Roles, as the master user makes them.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE clerk LOGIN CONNECTION LIMIT 5 VALID UNTIL '2040-01-01 00:00:00+00';
CREATE ROLE auditor NOLOGIN NOINHERIT;
CREATE ROLE "Odd ""Röle"" 100%" NOLOGIN;
GRANT shop_owner TO CURRENT_USER;
GRANT shop_owner TO tm_reader;
GRANT auditor TO clerk;
GRANT "Odd ""Röle"" 100%" TO auditor;
ALTER ROLE clerk SET work_mem = '8MB';
ALTER ROLE clerk SET search_path = sales, public;
COMMENT ON ROLE clerk IS 'At the counter';
