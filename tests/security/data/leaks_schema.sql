-- The database that test_leaks attacks. Every {name:kind} is a list of planted values, one per row; what
-- is planted must not be seen by who is masked. Run as the role that the proxy logs in as.

CREATE SCHEMA other;
CREATE SCHEMA vault;
CREATE TYPE contact AS (email text, phone text);
CREATE DOMAIN email_d AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE mood AS ENUM ('calm', 'busy', 'tired');

CREATE TABLE people (
    id int PRIMARY KEY,
    full_name text NOT NULL,
    email text NOT NULL UNIQUE,
    phone varchar(24),
    ssn char(11) CHECK (ssn ~ '^[0-9-]+$'),
    birth_date date,
    salary numeric(12, 2),
    street text,
    last_ip inet,
    device_mac macaddr,
    password_hash text,
    api_key text,
    emails text[],
    profile jsonb,
    notes text,
    country text NOT NULL,
    segment text NOT NULL,
    state mood NOT NULL DEFAULT 'calm',
    newsletter boolean NOT NULL,
    score int NOT NULL,
    tags text[] NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE accounts (
    id int PRIMARY KEY,
    person_id int NOT NULL REFERENCES people,
    card_number text NOT NULL,
    iban text NOT NULL,
    card_digits bigint NOT NULL,
    passport_no text NOT NULL,
    opened date NOT NULL,
    plan text NOT NULL
);
CREATE TABLE holders (
    id int PRIMARY KEY,
    contact contact,
    contacts contact[],
    work_email email_d,
    auth_token bytea,
    device_id uuid,
    card_expiry date,
    search tsvector,
    kind text NOT NULL
);
CREATE TABLE t7 (c1 int PRIMARY KEY, c2 text, c3 text, c4 text, c5 text, c6 text, c7 bigint);
CREATE TABLE made (
    id int PRIMARY KEY,
    email text NOT NULL,
    handle text GENERATED ALWAYS AS (lower(email) || '!') STORED,
    label text GENERATED ALWAYS AS (substr(email, 1, 12)) STORED,
    doubled int GENERATED ALWAYS AS (id * 2) STORED
);
CREATE TABLE "Kunden Übersicht" ("Nr" int PRIMARY KEY, "E-Mail" text, "Größe" int, "select" text);
CREATE TABLE events (id int NOT NULL, kind text NOT NULL, actor_email text, payload jsonb, at date NOT NULL)
    PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE documents (id int PRIMARY KEY, title text NOT NULL);
CREATE TABLE letters (author_email text, body text) INHERITS (documents);
CREATE TABLE items (id int PRIMARY KEY, label text NOT NULL, price numeric(10, 2) NOT NULL);
CREATE TABLE other.items (id int PRIMARY KEY, label text NOT NULL, price numeric(10, 2) NOT NULL);
CREATE TABLE other.people (id int PRIMARY KEY, email text NOT NULL, country text NOT NULL);
CREATE TABLE vault.people (id int PRIMARY KEY, country text NOT NULL, full_name text NOT NULL);
CREATE TABLE products (
    id int PRIMARY KEY, sku text NOT NULL UNIQUE, title text NOT NULL, category text NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price > 0), stock int NOT NULL, tags text[] NOT NULL, weight float8,
    added date NOT NULL
);
CREATE TABLE orders (
    id int PRIMARY KEY, person_id int NOT NULL REFERENCES people, product_id int NOT NULL REFERENCES products,
    status text NOT NULL, total numeric(10, 2) NOT NULL, placed_at timestamp NOT NULL, quantity smallint NOT NULL
);
CREATE TABLE audit_trail (id serial PRIMARY KEY, what text);
CREATE TABLE scratch (id int PRIMARY KEY, what text, amount numeric, doc jsonb, day date);
CREATE TABLE inbox (id int PRIMARY KEY, what text, changed timestamptz);
CREATE TABLE tickets (id int PRIMARY KEY, subject text NOT NULL, body text, lines text[], extra jsonb, opened date);
CREATE VIEW v_tickets AS SELECT id, subject AS title, body AS words FROM tickets;
CREATE SEQUENCE ticket;

CREATE VIEW v_people AS SELECT id, full_name, email, ssn, country FROM people;
CREATE VIEW v_renamed AS SELECT id AS nr, email AS label, upper(full_name) AS title, country FROM people;
CREATE VIEW v_nested AS SELECT nr, reverse(label) AS thing, title || '/' || country AS path FROM v_renamed;
CREATE VIEW v_union AS SELECT id, segment AS word FROM people UNION ALL SELECT id, email FROM people;
CREATE VIEW v_counts AS SELECT country, count(*) AS n, max(email) AS last FROM people GROUP BY country;
CREATE VIEW v_counted AS SELECT p.country, count(p.email) AS with_mail, count(DISTINCT p.ssn) AS persons,
    coalesce((SELECT count(a.iban) FROM accounts a JOIN people q ON q.id = a.person_id WHERE q.country = p.country), 0) AS ibans
    FROM people p GROUP BY p.country;
CREATE VIEW v_places AS SELECT id, row_number() OVER (ORDER BY salary, id) AS place, rank() OVER (ORDER BY birth_date) AS age_rank,
    EXISTS (SELECT 1 FROM people q WHERE q.salary > p.salary) AS topped FROM people p;
CREATE VIEW v_clean AS SELECT id, title, category, price * 2 AS double_price FROM products;
CREATE VIEW v_json AS SELECT id, to_jsonb(p) AS doc FROM people p;
CREATE VIEW v_stats AS SELECT tablename AS t, most_common_vals::text AS v, histogram_bounds::text AS h FROM pg_stats;
CREATE VIEW v_activity AS SELECT pid, query AS what FROM pg_stat_activity;
CREATE VIEW v_ruled AS SELECT id, title FROM products;
CREATE MATERIALIZED VIEW m_people AS SELECT id, email AS label, md5(ssn) AS fp, country FROM people;
CREATE MATERIALIZED VIEW m_clean AS SELECT category, count(*) AS n, sum(stock) AS stock FROM products GROUP BY category;
CREATE RULE v_ruled_insert AS ON INSERT TO v_ruled DO INSTEAD
    INSERT INTO scratch (id, what) SELECT new.id + 5000, p.email FROM people p WHERE p.id = 1
    RETURNING id, reverse(what);
CREATE RULE scratch_also AS ON UPDATE TO scratch DO ALSO SELECT id, reverse(email) AS what FROM people WHERE id <= 3;

CREATE FUNCTION f_shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t) || ''!''';
CREATE FUNCTION f_const() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(email) FROM people WHERE id = 1';
CREATE FUNCTION f_first() RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT reverse(email) FROM people WHERE id = 2); END $$;
CREATE FUNCTION f_title() RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT upper(title) FROM products WHERE id = 2); END $$;
CREATE FUNCTION f_all() RETURNS SETOF people LANGUAGE sql STABLE AS 'SELECT * FROM people';
CREATE FUNCTION f_pairs() RETURNS TABLE (nr int, label text) LANGUAGE sql STABLE AS
    'SELECT id, reverse(email) FROM people';
CREATE FUNCTION f_records() RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT id, reverse(email) FROM people';
CREATE FUNCTION f_owner(n int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS
    'SELECT reverse(email) FROM people WHERE id = n';
CREATE FUNCTION f_raise(t text) RETURNS int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RAISE EXCEPTION 'bad value %', t USING DETAIL = t, HINT = t; END $$;
CREATE FUNCTION f_notice(t text) RETURNS int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RAISE NOTICE 'value %', t; RETURN 1; END $$;
CREATE FUNCTION f_tell(n int) RETURNS int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RAISE NOTICE 'person %', (SELECT email FROM people WHERE id = n); RETURN n; END $$;
CREATE FUNCTION f_open(c refcursor) RETURNS refcursor LANGUAGE plpgsql STABLE AS
    $$ BEGIN OPEN c FOR SELECT id, reverse(email) FROM people ORDER BY id; RETURN c; END $$;
CREATE FUNCTION f_eq(a text, b int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT length(a) = b';
CREATE FUNCTION f_join(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a || ''~'' || b';
CREATE FUNCTION f_person(p people) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(p.email)';
CREATE FUNCTION length(t text, u text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(t) || u';
CREATE FUNCTION f_trigger() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'last person %', (SELECT email FROM people WHERE id = 3); RETURN NEW; END $$;
CREATE TRIGGER tell BEFORE INSERT ON audit_trail FOR EACH ROW EXECUTE FUNCTION f_trigger();
CREATE FUNCTION f_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION f_touch();
CREATE OPERATOR <+> (LEFTARG = text, RIGHTARG = text, FUNCTION = f_join);
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = int, FUNCTION = f_eq);
CREATE TYPE wrapped AS (v text);
CREATE FUNCTION f_wrap(t text) RETURNS wrapped LANGUAGE sql IMMUTABLE AS 'SELECT ROW(reverse(t))::wrapped';
CREATE CAST (text AS wrapped) WITH FUNCTION f_wrap(text);

-- What a cast computes may ask as well.
CREATE TYPE q_boxed AS (v text);
CREATE FUNCTION q_box(t text) RETURNS q_boxed LANGUAGE sql STABLE AS
    'SELECT ROW(t)::q_boxed WHERE 1 / (SELECT count(*) FROM public.people WHERE email LIKE t) > 0';
CREATE CAST (text AS q_boxed) WITH FUNCTION q_box(text);

-- What definitions compare with a value that somebody may write.
CREATE TABLE asked_check (id int PRIMARY KEY, email text, label text, word text NOT NULL DEFAULT '', n int,
    CHECK (word = '' OR email NOT LIKE word || '%'), CHECK (n > 0 OR label IS NOT NULL), CHECK (num_nulls(email, n) < 2));
CREATE TABLE asked_generated (id int PRIMARY KEY, email text, label text, word text NOT NULL DEFAULT '', n int,
    hit boolean GENERATED ALWAYS AS (starts_with(email, word)) STORED,
    shown text GENERATED ALWAYS AS (label || ': ' || lower(email)) STORED);
CREATE TABLE asked_when (LIKE asked_check INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE asked_body (LIKE asked_check INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE asked_rule (LIKE asked_check INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE asked_index (LIKE asked_check INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE asked_policy (LIKE asked_check INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE VIEW v_asked AS SELECT id AS nr, label, word AS said FROM asked_check;
CREATE FUNCTION f_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := 1; RETURN NEW; END $$;
CREATE FUNCTION f_same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION f_guarded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.label <> OLD.label AND NEW.email IS DISTINCT FROM OLD.email THEN RAISE NOTICE 'both'; END IF;
    IF NEW.word <> '' AND OLD.email LIKE NEW.word || '%' THEN RAISE EXCEPTION 'not that one'; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER counted BEFORE UPDATE ON asked_when FOR EACH ROW
    WHEN (starts_with(OLD.email, NEW.word) AND NEW.word <> '') EXECUTE FUNCTION f_counted();
CREATE TRIGGER any_change BEFORE UPDATE ON asked_when FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION f_same();
CREATE TRIGGER guarded BEFORE UPDATE ON asked_body FOR EACH ROW EXECUTE FUNCTION f_guarded();
CREATE RULE unless AS ON UPDATE TO asked_rule WHERE OLD.email LIKE NEW.word || '%' AND NEW.word <> '' DO INSTEAD NOTHING;
CREATE INDEX ON asked_index ((1 / (1 - strpos(email, nullif(word, '')))));
CREATE INDEX ON asked_index (lower(email || label));
ALTER TABLE asked_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE asked_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY unless ON asked_policy USING (word = '' OR NOT starts_with(email, word)) WITH CHECK (true);
