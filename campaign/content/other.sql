-- The other database, whose name is hostile.
CREATE TABLE measures (id int PRIMARY KEY, body text);
INSERT INTO measures SELECT n, 'measure ' || n FROM generate_series(1, 3000) n;
CREATE INDEX measures_body ON measures (body);
CREATE TABLE settings (name text PRIMARY KEY, value jsonb);
INSERT INTO settings SELECT 's' || n, '{"a": 1}' FROM generate_series(1, 40) n;
CREATE VIEW short AS SELECT id FROM measures WHERE id < 10;
SELECT lo_from_bytea(990011, '\x0a0b');
