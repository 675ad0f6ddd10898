-- The main database, as the master user fills it.
SET statement_timeout = 0;
COMMENT ON DATABASE shop IS 'The shop';
CREATE SCHEMA sales AUTHORIZATION shop_owner;
GRANT ALL ON SCHEMA sales TO CURRENT_USER;
CREATE SCHEMA "Odd ""Schéma"" 100%";

CREATE TYPE sales.mood AS ENUM ('sad', 'ok', 'it''s', '🙂');
CREATE TYPE sales.address AS (street text, "Nº" int);
CREATE TYPE sales.span AS RANGE (subtype = float8);
CREATE DOMAIN sales.email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN sales.positive AS int DEFAULT 7 NOT NULL CHECK (VALUE > 0);
CREATE COLLATION sales.plain (locale = 'C');

CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email citext NOT NULL UNIQUE,
    name text NOT NULL,
    bio text,
    profile jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    home point,
    visits int4range,
    ip inet,
    balance numeric(12, 2) NOT NULL DEFAULT 0,
    rate numeric,
    ratio float8 DEFAULT 0,
    code char(8),
    nick varchar(40) COLLATE sales.plain,
    feeling sales.mood DEFAULT 'ok',
    lives_at sales.address,
    token uuid NOT NULL,
    attributes hstore,
    waits interval,
    created_at timestamptz NOT NULL
);
INSERT INTO users (email, name, bio, profile, tags, home, visits, ip, balance, rate, ratio, code, nick,
                   lives_at, token, attributes, waits, created_at)
SELECT 'User' || n || '@Example.org', 'User ' || md5(n::text), repeat('About ' || md5(n::text) || ' ', n % 9),
       jsonb_build_object('tier', n % 5, 'score', n * 1.5, 'deep', jsonb_build_array(n, 'x' || n % 50, null)),
       ARRAY['t' || n % 40, 's' || n % 7], point(n % 180 - 90, n % 91), int4range(n, n + 10),
       ('10.' || n % 200 || '.' || n % 250 || '.1')::inet, n % 9973 / 10.0, (n % 100) / 4.0, n / 7.0,
       'c' || n % 1000, 'nick' || n, ('Road ' || n, n % 300)::sales.address,
       md5('token' || n)::uuid, hstore('k' || n % 10, 'v' || n), n * interval '1 hour',
       timestamptz '2024-01-01 00:00+00' + n * interval '1 minute'
  FROM generate_series(1, 2400) n;
UPDATE users SET rate = 1.50, ratio = 0.0, bio = NULL WHERE id = 1234;
CREATE INDEX users_profile ON users USING gin (profile jsonb_path_ops);
CREATE INDEX users_tags ON users USING gin (tags);
CREATE INDEX users_name_trigrams ON users USING gin (name gin_trgm_ops);
CREATE INDEX users_home ON users USING gist (home);
CREATE INDEX users_visits ON users USING gist (visits);
CREATE INDEX users_ip ON users USING spgist (ip);
CREATE INDEX users_nick ON users USING spgist (nick);
CREATE INDEX users_token ON users USING hash (token);
CREATE INDEX users_created ON users USING brin (created_at) WITH (pages_per_range = 4);
CREATE INDEX users_bloom ON users USING bloom (name, nick);
CREATE INDEX users_lower ON users (lower(name), balance DESC NULLS LAST) INCLUDE (code) WHERE balance > 5;
CREATE STATISTICS users_stats (ndistinct, dependencies) ON code, feeling FROM users;

CREATE TABLE sales.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    net numeric(12, 2) NOT NULL CONSTRAINT net_positive CHECK (net >= 0),
    gross numeric(12, 2) GENERATED ALWAYS AS (round(net * 1.19, 2)) STORED,
    state text NOT NULL DEFAULT 'open',
    placed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE RESTRICT
);
INSERT INTO sales.orders (user_id, net, state, placed_at)
SELECT 1 + n % 2300, n % 997 / 4.0, (ARRAY['open', 'paid', 'sent'])[1 + n % 3],
       timestamptz '2025-01-01 00:00+00' + n * interval '1 minute'
  FROM generate_series(1, 6000) n;
CREATE INDEX orders_user_id ON sales.orders (user_id);
CREATE INDEX orders_open ON sales.orders (placed_at) WHERE state = 'open';
ALTER TABLE sales.orders OWNER TO shop_owner;
GRANT SELECT, REFERENCES ON sales.orders TO CURRENT_USER;
GRANT SELECT ON sales.orders TO clerk;
GRANT UPDATE (state) ON sales.orders TO clerk;

CREATE TABLE sales.documents (id int PRIMARY KEY, title text NOT NULL, body text, raw bytea);
ALTER TABLE sales.documents ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;
INSERT INTO sales.documents
SELECT n, 'Document ' || n, repeat(md5(n::text), 250), decode(repeat(md5('r' || n), 90), 'hex')
  FROM generate_series(1, 250) n;

CREATE TABLE payments (id bigint NOT NULL, paid_on date NOT NULL, amount numeric NOT NULL, PRIMARY KEY (id, paid_on))
    PARTITION BY RANGE (paid_on);
CREATE TABLE payments_2024 PARTITION OF payments FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE payments_2025 PARTITION OF payments FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE payments_rest PARTITION OF payments DEFAULT;
INSERT INTO payments SELECT n, date '2024-01-01' + n % 900, n / 3.0 FROM generate_series(1, 6000) n;

CREATE TABLE readings (at timestamptz NOT NULL, sensor int NOT NULL, value float8);
INSERT INTO readings SELECT timestamptz '2025-06-01 00:00+00' + n * interval '1 second', n % 17, sin(n)
  FROM generate_series(1, 9000) n;
CREATE INDEX readings_at ON readings USING brin (at) WITH (pages_per_range = 8);
CREATE INDEX readings_sensor ON readings USING hash (sensor);

CREATE TABLE bookings (room int NOT NULL, during int4range NOT NULL,
    CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO bookings SELECT n % 20, int4range(n * 10, n * 10 + 10) FROM generate_series(1, 1500) n;

CREATE TABLE articles (id serial PRIMARY KEY, body text NOT NULL, words tsvector, path ltree);
INSERT INTO articles (body, words, path)
SELECT 'article ' || n, to_tsvector('simple', 'word' || n || ' common' || n % 30 || ' shared'),
       ('top.a' || n % 20 || '.b' || n)::ltree
  FROM generate_series(1, 3000) n;
INSERT INTO articles (body, words, path) SELECT 'wordless ' || n, '', 'top' FROM generate_series(1, 12) n;
CREATE INDEX articles_words ON articles USING gin (words);
CREATE INDEX articles_path ON articles USING gist (path);

CREATE TABLE "Odd ""Schéma"" 100%"."Täble {0} %s" ("Kéy ""x""" int PRIMARY KEY, "select" text DEFAULT 'it''s');
INSERT INTO "Odd ""Schéma"" 100%"."Täble {0} %s" SELECT n, 'row ' || n FROM generate_series(1, 1200) n;
CREATE INDEX "ïndex ""q"" 100%" ON "Odd ""Schéma"" 100%"."Täble {0} %s" ("select");

CREATE TABLE sales.accounts (id int PRIMARY KEY, tenant text NOT NULL, amount int NOT NULL);
INSERT INTO sales.accounts SELECT n, 'tenant' || n % 5, n FROM generate_series(1, 800) n;
ALTER TABLE sales.accounts OWNER TO shop_owner;
ALTER TABLE sales.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sales.accounts FOR SELECT TO clerk USING (tenant = current_user);
CREATE POLICY positive_only ON sales.accounts AS RESTRICTIVE FOR INSERT WITH CHECK (amount > 0);

CREATE TABLE pairs (a int, b text);
INSERT INTO pairs SELECT n % 50, 'b' || n % 9 FROM generate_series(1, 1000) n;
CREATE TABLE nothing_in_it (a int PRIMARY KEY, b text);
CREATE TABLE documents_json (id int, plain json, packed jsonb, x xml);
INSERT INTO documents_json SELECT n, '{"a": 1}', '{"a": 1.0, "b": [1, 2]}', NULL FROM generate_series(1, 100) n;
CREATE UNLOGGED TABLE scratch (a int);
INSERT INTO scratch SELECT generate_series(1, 100);
CREATE TABLE people (name text);
CREATE TABLE employees (boss text) INHERITS (people);
INSERT INTO people SELECT 'p' || n FROM generate_series(1, 50) n;
INSERT INTO employees SELECT 'e' || n, 'p1' FROM generate_series(1, 70) n;
CREATE TABLE typed (a bit(5), b money, c macaddr, d box, e circle, f int4multirange, g sales.span, h "char",
    i timetz, j oid, k tsquery, l sales.positive, m cidr, n path, o polygon, p name, q pg_lsn, r date[], s txid_snapshot);
INSERT INTO typed SELECT B'10101', 12.34, '08:00:2b:01:02:03', box(point(0, 0), point(n, n)), circle(point(0, 0), n),
       int4multirange(int4range(n, n + 2)), sales.span(n, n + 1), 'x', '04:05:06+01', n, 'a & b'::tsquery, n,
       '10.0.0.0/8', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', 'n' || n, '0/16B3748', ARRAY[date '2020-01-01'], '10:20:10,14'
  FROM generate_series(1, 300) n;
CREATE INDEX typed_circles ON typed USING gist (e);
CREATE INDEX typed_spans ON typed USING gist (f);

-- Values that equal others and are not the same.
CREATE DOMAIN sales.exact AS numeric;
CREATE TYPE sales.pair AS (n numeric, t text);
CREATE TABLE values_kept (id int, num numeric, flt float8, txt text, maybe text, full_text text, padded bpchar,
    mail citext, doc jsonb, plain json, waits interval, tags text[], nums numeric[], reach numrange,
    pair sales.pair, exact sales.exact, accent text, words tsvector, a int, b int, feeling sales.mood,
    pt point, at timestamptz, bits varbit, net inet, raw bytea);
INSERT INTO values_kept
SELECT n, 1.50, 0, 'text', NULL, '', 'a', 'Some@Example.org', '{"a": 1.0, "b": [2.5]}', '{"a": 1}', '1 month',
       '{a,b}', '{1.50}', '[1.0,2)', ROW(1.50, 'x')::sales.pair, 2.0, 'é', 'a:1A', 1, 2, 'ok', '(0,0)',
       '2026-01-01 00:00+00', B'101', '10.0.0.1/16', '\x00ff'
  FROM generate_series(1, 12) n;

-- Written during the drill in its first blocks only; the others stand still.
CREATE TABLE ledger (id int, body text);
INSERT INTO ledger SELECT n, repeat('x', 200) FROM generate_series(1, 7000) n;

-- Rows whose fate lies in the files of transactions: locked and updated at once, and rolled back.
CREATE TABLE shared_rows (id int PRIMARY KEY, n int);
INSERT INTO shared_rows SELECT n, 0 FROM generate_series(1, 60) n;

CREATE SEQUENCE invoice_numbers START 1000;
SELECT setval('invoice_numbers', 5000);
CREATE SEQUENCE "Odd ""séquence""" AS smallint INCREMENT -2 MINVALUE -100 MAXVALUE 100 START 50 CYCLE;
SELECT nextval('"Odd ""séquence"""');

CREATE FOREIGN TABLE sales.far_table (a int) SERVER far_away OPTIONS (table_name 'there');
CREATE VIEW sales.open_orders AS SELECT id, user_id, gross FROM sales.orders WHERE state = 'open';
CREATE VIEW sales.totals WITH (security_barrier) AS
    SELECT user_id, sum(gross) AS total FROM sales.orders GROUP BY user_id;
CREATE MATERIALIZED VIEW sales.by_state AS
    SELECT state, count(*) AS n, sum(net) AS net FROM sales.orders GROUP BY state;
CREATE UNIQUE INDEX by_state_key ON sales.by_state (state);
CREATE MATERIALIZED VIEW sales.not_filled AS SELECT 1 AS a WITH NO DATA;
CREATE RULE keep_pairs AS ON DELETE TO nothing_in_it DO INSTEAD NOTHING;

CREATE FUNCTION add_tax(net numeric, rate numeric DEFAULT 0.19) RETURNS numeric
    LANGUAGE sql IMMUTABLE AS 'SELECT net * (1 + rate)';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$BEGIN RETURN NEW; END$$;
CREATE PROCEDURE tidy(INOUT a int) LANGUAGE plpgsql AS $$BEGIN a := a + 1; END$$;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION differs(text, int) RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = int, FUNCTION = differs);
CREATE CAST (sales.mood AS sales.address) WITH INOUT;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER audited AFTER UPDATE OF state ON sales.orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER switched_off BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER switched_off;
CREATE TEXT SEARCH CONFIGURATION sales.words (COPY = simple);
CREATE TEXT SEARCH DICTIONARY sales.short_words (TEMPLATE = simple);

CREATE PUBLICATION news FOR TABLE users, sales.documents;
COMMENT ON TABLE users IS 'who buys';
COMMENT ON COLUMN users.bio IS 'in their own words';
COMMENT ON FUNCTION touch() IS 'does nothing';
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA sales GRANT SELECT ON TABLES TO auditor;
ALTER TABLE articles REPLICA IDENTITY FULL;
ALTER TABLE readings SET (fillfactor = 90), ALTER value SET STATISTICS 200;
GRANT USAGE ON SEQUENCE invoice_numbers TO clerk;
GRANT EXECUTE ON FUNCTION add_tax(numeric, numeric) TO auditor;
GRANT USAGE ON SCHEMA sales TO clerk;

SELECT lo_from_bytea(990001, '\x010203');
SELECT lo_from_bytea(990002, decode(repeat(md5('large'), 1500), 'hex'));
SELECT lo_from_bytea(990003, convert_to(repeat('a large object ', 500), 'UTF8'));
GRANT SELECT ON LARGE OBJECT 990001, 990002, 990003 TO tm_reader;
SELECT lo_from_bytea(990004, '');
COMMENT ON LARGE OBJECT 990003 IS 'a contract';
GRANT SELECT ON LARGE OBJECT 990003 TO clerk;

-- ANALYZE has not yet seen that it has no child any more.
CREATE TABLE once_parent (a int);
INSERT INTO once_parent SELECT generate_series(1, 20);
CREATE TABLE once_child () INHERITS (once_parent);
