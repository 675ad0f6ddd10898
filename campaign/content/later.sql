-- What happened after the older copy was put aside: its files are stale from here on.
SET statement_timeout = 0;
UPDATE users SET name = 'Renamed ' || md5(name), ip = '172.16.1.1', tags = array_append(tags, 'later'), home = point(1, 2),
       visits = int4range(9000, 9000 + id::int), token = md5('later' || id)::uuid, nick = 'later' || id,
       profile = profile || '{"later": true}', created_at = created_at + interval '1 year'
 WHERE id % 3 = 0;
INSERT INTO users (email, name, token, created_at)
SELECT 'late' || n || '@example.org', 'Late ' || n, md5('late' || n)::uuid, '2026-01-01 00:00+00' FROM generate_series(1, 300) n;
UPDATE sales.orders SET state = 'returned' WHERE id % 5 = 0;
DELETE FROM sales.orders WHERE id % 41 = 0;
UPDATE sales.documents SET body = repeat(md5('later' || id), 260) WHERE id % 4 = 0;
UPDATE readings SET sensor = sensor + 100, at = at + interval '1 day' WHERE sensor = 3;
UPDATE articles SET words = to_tsvector('simple', 'later' || id), path = ('later.b' || id)::ltree WHERE id % 3 = 0;
INSERT INTO payments SELECT n, date '2025-01-01' + n % 300, n FROM generate_series(7000, 7300) n;
UPDATE "Odd ""Schéma"" 100%"."Täble {0} %s" SET "select" = 'later ' || "Kéy ""x""" WHERE "Kéy ""x""" % 2 = 0;
UPDATE bookings SET room = room + 100 WHERE room = 4;
REFRESH MATERIALIZED VIEW CONCURRENTLY sales.by_state;
SELECT nextval('invoice_numbers') FROM generate_series(1, 50);
SELECT lo_from_bytea(990005, '\x05');
GRANT SELECT ON LARGE OBJECT 990005 TO tm_reader;
SELECT lo_put(990002, 5000, '\xffffff');
CREATE TABLE newest (id int PRIMARY KEY, body text);
INSERT INTO newest SELECT n, 'new ' || n FROM generate_series(1, 600) n;
CREATE FUNCTION newest_function() RETURNS int LANGUAGE sql AS 'SELECT 7';
DROP TABLE once_child;
