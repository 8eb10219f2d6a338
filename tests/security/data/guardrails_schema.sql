-- A schema of a webshop with everything in it that runs of itself; for guardrails_denied.txt and guardrails_benign.txt.
CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, login text NOT NULL UNIQUE, plan text NOT NULL DEFAULT 'free',
    active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE project (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    title text NOT NULL, "drop" integer NOT NULL DEFAULT 0, "order" integer, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE task (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, project_id bigint NOT NULL REFERENCES project ON DELETE CASCADE,
    body text, done boolean NOT NULL DEFAULT false, tokens tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(body, ''))) STORED);
CREATE TABLE tag (id integer PRIMARY KEY, label text NOT NULL UNIQUE);
CREATE TABLE task_tag (task_id bigint REFERENCES task ON DELETE CASCADE, tag_id integer REFERENCES tag, PRIMARY KEY (task_id, tag_id));
CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE event (id bigint NOT NULL, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE stock (id integer PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0));
CREATE TABLE counter (name text PRIMARY KEY, n bigint NOT NULL DEFAULT 0);

-- What every ORM's schema has.
CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
CREATE TRIGGER account_touch BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER project_touch BEFORE UPDATE ON project FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE FUNCTION write_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    IF TG_OP = 'DELETE' THEN line := TG_TABLE_NAME || ' ' || OLD.id; ELSE line := TG_TABLE_NAME || ' ' || NEW.id; END IF;
    INSERT INTO journal (what) VALUES (lower(TG_OP) || ' ' || line);
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER task_journal AFTER INSERT OR UPDATE OR DELETE ON task FOR EACH ROW EXECUTE FUNCTION write_journal();
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter (name, n) VALUES (TG_TABLE_NAME, 1) ON CONFLICT (name) DO UPDATE SET n = counter.n + 1;
    PERFORM pg_notify('counted', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER tag_count AFTER INSERT ON tag FOR EACH ROW EXECUTE FUNCTION count_up();
CREATE FUNCTION log_by_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I (what) VALUES (%L)', 'journal', TG_TABLE_NAME);
    RETURN NEW;
END $$;
CREATE TRIGGER stock_log AFTER UPDATE ON stock FOR EACH ROW WHEN (OLD.amount IS DISTINCT FROM NEW.amount) EXECUTE FUNCTION log_by_name();
CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(regexp_replace($1, '[^a-zA-Z0-9]+', '-', 'g')) $$;
CREATE FUNCTION open_tasks(project bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM task WHERE project_id = project AND NOT done $$;
CREATE FUNCTION titles(wanted bigint) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE r record;
BEGIN FOR r IN SELECT title FROM project WHERE account_id = wanted LOOP RETURN NEXT r.title; END LOOP; END $$;
CREATE FUNCTION rows_of(name text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %I', name) INTO n; RETURN n; END $$;
CREATE INDEX project_slug ON project (slug(title));
CREATE TYPE point2 AS (x integer, y integer);
CREATE FUNCTION add_points(point2, point2) RETURNS point2 LANGUAGE sql AS $$ SELECT ROW($1.x + $2.x, $1.y + $2.y)::point2 $$;
CREATE OPERATOR + (LEFTARG = point2, RIGHTARG = point2, FUNCTION = add_points);
CREATE FUNCTION concat_state(text, text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce($1 || ',', '') || $2 $$;
CREATE AGGREGATE joined(text) (SFUNC = concat_state, STYPE = text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE VIEW open_task AS SELECT id, project_id, body FROM task WHERE NOT done;
CREATE VIEW project_board AS SELECT p.id, p.title, open_tasks(p.id) AS open FROM project p;
CREATE VIEW active_account AS SELECT id, login, plan FROM account WHERE active;

-- What hides something.
CREATE FUNCTION wipe() RETURNS integer LANGUAGE sql AS $$ DELETE FROM journal; SELECT 1 $$;
CREATE FUNCTION looks_stable() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT wipe() $$;
CREATE FUNCTION looks_immutable(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN $1; END $$;
CREATE FUNCTION deep() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT looks_stable() + 1 $$;
CREATE FUNCTION any_sql(text) RETURNS integer LANGUAGE plpgsql STABLE AS $$ BEGIN EXECUTE $1; RETURN 1; END $$;
CREATE FUNCTION pasted(text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM task WHERE body = ''' || $1 || '''' INTO n; RETURN n; END $$;
CREATE FUNCTION wiping_step(integer, integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN TRUNCATE journal; RETURN $2; END $$;
CREATE AGGREGATE wiping(integer) (SFUNC = wiping_step, STYPE = integer);
CREATE OPERATOR <#!> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = wiping_step);
CREATE TYPE code AS (v integer);
CREATE FUNCTION to_code(integer) RETURNS code LANGUAGE plpgsql AS $$ BEGIN DELETE FROM journal; RETURN ROW($1)::code; END $$;
CREATE CAST (integer AS code) WITH FUNCTION to_code(integer);
CREATE DOMAIN checked AS integer CHECK (looks_immutable(VALUE) > 0);
CREATE TABLE defaulted (id integer PRIMARY KEY, x integer DEFAULT looks_stable());
CREATE TABLE of_domain (id integer PRIMARY KEY, x checked);
CREATE TABLE with_check (id integer PRIMARY KEY CHECK (looks_immutable(id) > 0));
CREATE TABLE computed (id integer PRIMARY KEY, x integer GENERATED ALWAYS AS (looks_immutable(id)) STORED);
CREATE TABLE indexed (id integer PRIMARY KEY);
CREATE INDEX indexed_by ON indexed (looks_immutable(id));
CREATE TABLE secured (id integer PRIMARY KEY);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY secured_read ON secured USING (looks_immutable(id) > 0);
CREATE VIEW wiping_view AS SELECT id, deep() AS d FROM tag;
CREATE VIEW ruled AS SELECT id, label FROM tag;
CREATE RULE ruled_delete AS ON DELETE TO ruled DO INSTEAD DELETE FROM journal;
CREATE RULE ruled_insert AS ON INSERT TO ruled DO INSTEAD (UPDATE account SET plan = 'none'; INSERT INTO tag VALUES (NEW.id, NEW.label));
CREATE RULE counter_also AS ON DELETE TO counter DO ALSO DELETE FROM stock;
CREATE VIEW diverted AS SELECT id, label FROM tag;
CREATE FUNCTION divert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE IF EXISTS task_tag; RETURN NULL; END $$;
CREATE TRIGGER diverted_update INSTEAD OF UPDATE ON diverted FOR EACH ROW EXECUTE FUNCTION divert();
CREATE TABLE trap (id integer PRIMARY KEY, note text);
CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 13 THEN DELETE FROM account; END IF; RETURN NEW; END $$;
CREATE TRIGGER trap_spring BEFORE INSERT ON trap FOR EACH ROW EXECUTE FUNCTION spring();
CREATE FUNCTION run_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE NEW.note; RETURN NEW; END $$;
CREATE TRIGGER trap_note BEFORE UPDATE OF note ON trap FOR EACH ROW EXECUTE FUNCTION run_note();
CREATE FUNCTION grab() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN GRANT ALL ON account TO PUBLIC; RETURN OLD; END $$;
CREATE TRIGGER trap_grab AFTER DELETE ON trap FOR EACH ROW EXECUTE FUNCTION grab();
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent ON DELETE CASCADE);
CREATE TRIGGER child_grab AFTER DELETE ON child FOR EACH ROW EXECUTE FUNCTION grab();
CREATE TABLE measure (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE measure_2026 PARTITION OF measure FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE stock SET amount = 0; RETURN NEW; END $$;
CREATE TRIGGER measure_spoil BEFORE INSERT ON measure_2026 FOR EACH ROW EXECUTE FUNCTION spoil();
CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE journal; COMMIT; END $$;
CREATE FUNCTION take_role() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('role', 'postgres', false); RETURN current_user; END $$;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM journal; END $$;

-- Functions as most people write them: nothing is said of how volatile they are.
CREATE FUNCTION net_of(gross numeric, rate numeric DEFAULT 19) RETURNS numeric LANGUAGE sql AS $$ SELECT round(gross * (100 - rate) / 100, 2) $$;
CREATE FUNCTION amount_of(wanted int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE total int;
BEGIN
    SELECT sum(amount) INTO total FROM stock WHERE id = wanted;
    IF total IS NULL THEN RETURN 0; END IF;
    RETURN total;
END $$;
CREATE FUNCTION projects_like(q text, OUT id bigint, OUT title text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY SELECT p.id, p.title FROM project p WHERE p.title ILIKE '%' || q || '%' ORDER BY p.id; END $$;
CREATE FUNCTION doubled_amount(wanted int) RETURNS int LANGUAGE sql AS $$ SELECT 2 * amount_of(wanted) $$;
CREATE FUNCTION reads_then_wipes() RETURNS int LANGUAGE sql AS $$ SELECT count(*)::int FROM tag; SELECT wipe() $$;
CREATE FUNCTION reads_a_file() RETURNS text LANGUAGE sql AS $$ SELECT pg_read_file('/etc/hostname') $$;
CREATE FUNCTION takes_a_role() RETURNS text LANGUAGE sql AS $$ SELECT set_config('role', 'postgres', false) $$;
CREATE FUNCTION sets_something() RETURNS text LANGUAGE sql AS $$ SELECT set_config('application_name', 'x', false) $$;
CREATE FUNCTION counts_any(name text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || name INTO n; RETURN n; END $$;
CREATE FUNCTION reads_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM tag $$;
CREATE FUNCTION reads_under_settings() RETURNS bigint LANGUAGE sql SET row_security = off AS $$ SELECT count(*) FROM tag $$;
CREATE FUNCTION makes_a_table() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE made_up AS SELECT 1; RETURN 1; END $$;
CREATE PROCEDURE only_reads() LANGUAGE plpgsql AS $$ BEGIN PERFORM count(*) FROM tag; END $$;
