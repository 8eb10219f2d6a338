-- Functions of the users' own over the tables of leaks_schema.sql, for test_functions. What in that schema makes
-- every operator doubtful goes first: here it is bodies that are looked at. Its casts have to be written, and stay.

DROP OPERATOR = (text, int);
DROP FUNCTION length(text, text);

-- ---- harmless, as people write them

CREATE FUNCTION g_tax(p numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT round(p * 1.19, 2)';
CREATE FUNCTION g_tax_atomic(p numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN round(p * 1.19, 2);
CREATE FUNCTION g_rate(p numeric, rate numeric DEFAULT 0.19) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT p * (1 + rate)';
CREATE FUNCTION g_slug(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT trim(both '-' FROM regexp_replace(lower(t), '[^a-z0-9]+', '-', 'g')) $$;
CREATE FUNCTION g_label(n int) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT sku || ': ' || title FROM products WHERE id = n $$;
CREATE FUNCTION g_label_nested(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT upper(g_label(n)) || '!' $$;
CREATE FUNCTION g_order_count(person int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT count(*) FROM orders WHERE person_id = person';
CREATE FUNCTION g_sales(y int) RETURNS TABLE (month int, total numeric, n bigint) LANGUAGE sql STABLE AS $$
    SELECT extract(month FROM placed_at)::int, sum(total), count(*) FROM orders
    WHERE extract(year FROM placed_at) = y OR y IS NULL GROUP BY 1 $$;
CREATE FUNCTION g_sales_plpgsql(y int) RETURNS TABLE (m int, amount numeric) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT extract(month FROM o.placed_at)::int, sum(o.total) FROM orders o
        WHERE extract(year FROM o.placed_at) >= y GROUP BY 1 ORDER BY 1;
END $$;
CREATE FUNCTION g_total_for(person int) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE result numeric := 0; r record;
BEGIN
    FOR r IN SELECT o.total, o.quantity FROM orders o WHERE o.person_id = person LOOP
        result := result + r.total * r.quantity;
    END LOOP;
    IF result > 1000 THEN RETURN 1000; END IF;
    RETURN coalesce(result, 0);
END $$;
CREATE FUNCTION g_band(p numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE WHEN p < 20 THEN RETURN 'low'; WHEN p < 60 THEN RETURN 'mid'; ELSE RETURN 'high'; END CASE;
END $$;
CREATE FUNCTION g_stats(OUT cheapest numeric, OUT dearest numeric, OUT n bigint) LANGUAGE sql STABLE AS
    'SELECT min(price), max(price), count(*) FROM products';
CREATE FUNCTION g_one_out(n int, OUT doubled int) LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION g_products(c text) RETURNS SETOF products LANGUAGE sql STABLE AS
    'SELECT * FROM products WHERE category = c ORDER BY id';
CREATE FUNCTION g_rows() RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT id, title FROM products ORDER BY id';
CREATE FUNCTION g_price_tag(p products) RETURNS text LANGUAGE sql STABLE AS $$ SELECT p.title || ' @ ' || p.price $$;
CREATE FUNCTION g_country_of(p people) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper(p.country)';
CREATE FUNCTION g_first(anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1[1]';
CREATE FUNCTION g_same(anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION g_sum(VARIADIC n numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT sum(x) FROM unnest(n) x';
CREATE FUNCTION g_factorial(n int) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN n < 2 THEN 1 ELSE n * g_factorial(n - 1) END';
CREATE FUNCTION g_fib(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN IF n < 2 THEN RETURN n; END IF; RETURN g_fib(n - 1) + g_fib(n - 2); END $$;
CREATE FUNCTION g_over(a int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'int ' || a $$;
CREATE FUNCTION g_over(a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'text ' || a $$;
CREATE FUNCTION g_over(a int, b int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT reverse(email) FROM people WHERE id = a + b';
CREATE FUNCTION g_people_in(c text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM people WHERE country = c ORDER BY id';
CREATE FUNCTION g_people_count() RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM people; RETURN n; END $$;
CREATE FUNCTION g_pinned(n int) RETURNS text LANGUAGE sql STABLE SET search_path = public AS
    'SELECT title FROM products WHERE id = n';
CREATE FUNCTION g_noted(n int) RETURNS int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RAISE NOTICE 'looking at %', n; RETURN n; END $$;
CREATE FUNCTION g_step(state numeric, value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT coalesce(state, 0) + coalesce(value, 0)';
CREATE AGGREGATE g_add (numeric) (SFUNC = g_step, STYPE = numeric, INITCOND = '0');
CREATE AGGREGATE g_gather (anycompatible) (SFUNC = array_append, STYPE = anycompatiblearray, INITCOND = '{}');
CREATE TABLE priced (id int PRIMARY KEY, price numeric NOT NULL,
    gross numeric GENERATED ALWAYS AS (g_tax(price)) STORED);
CREATE INDEX ON products (g_slug(title));
CREATE VIEW v_priced AS SELECT id, title, g_tax(price) AS gross, g_band(price) AS band FROM products;
INSERT INTO priced SELECT id, price FROM products;

-- ---- what hands on more than it should

CREATE FUNCTION h_email(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM people WHERE id = n';
CREATE FUNCTION h_back(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT reverse(email) FROM people WHERE id = n';
CREATE FUNCTION h_atomic(n int) RETURNS text LANGUAGE sql STABLE
    BEGIN ATOMIC; SELECT reverse(email) FROM people WHERE id = n; END;
CREATE FUNCTION h_nested(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'x' || h_back(n) $$;
CREATE FUNCTION h_nested2(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN h_nested(n); END $$;
CREATE FUNCTION h_default(t text DEFAULT h_back(1)) RETURNS text LANGUAGE sql STABLE AS 'SELECT t';
CREATE FUNCTION h_default2(a int, t text DEFAULT 'x', u text DEFAULT h_back(2)) RETURNS text LANGUAGE sql STABLE AS
    'SELECT t || u';
CREATE FUNCTION h_over(a int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'n' || a $$;
CREATE FUNCTION h_over(a bigint) RETURNS text LANGUAGE sql STABLE AS 'SELECT reverse(email) FROM people WHERE id = a';
CREATE FUNCTION h_over(a anyelement) RETURNS text LANGUAGE sql STABLE AS
    'SELECT reverse(full_name) FROM people WHERE id = 3';
CREATE FUNCTION h_var(VARIADIC n int[]) RETURNS text LANGUAGE sql STABLE AS
    'SELECT reverse(email) FROM people WHERE id = n[1]';
CREATE FUNCTION h_var(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'one' || n $$;
CREATE FUNCTION h_out(n int, OUT a int, OUT b text) LANGUAGE sql STABLE AS
    'SELECT id, reverse(email) FROM people WHERE id = n';
CREATE FUNCTION h_inout(INOUT t text) LANGUAGE sql IMMUTABLE AS $$ SELECT t || '!' $$;
CREATE FUNCTION h_out_plpgsql(n int, OUT a int, OUT b text) LANGUAGE plpgsql STABLE AS
    $$ BEGIN a := n; SELECT reverse(email) INTO b FROM people WHERE id = n; END $$;
CREATE FUNCTION h_row(n int) RETURNS people LANGUAGE sql STABLE AS 'SELECT * FROM people WHERE id = n';
CREATE FUNCTION h_row_value(n int) RETURNS people LANGUAGE sql STABLE AS 'SELECT p FROM people p WHERE id = n';
CREATE FUNCTION h_contact(n int) RETURNS contact LANGUAGE sql STABLE AS
    'SELECT reverse(email), country FROM people WHERE id = n';
CREATE FUNCTION h_records() RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT id, reverse(email) FROM people';
CREATE FUNCTION h_records_plpgsql() RETURNS SETOF record LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN QUERY SELECT id, reverse(email) FROM people; END $$;
CREATE FUNCTION h_shadow(people int) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT reverse(people::text) FROM people WHERE id = 1 $$;
CREATE FUNCTION h_named(email int) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT reverse(email) || '' FROM people WHERE id = $1 $$;
CREATE FUNCTION h_field(p people) RETURNS text LANGUAGE sql STABLE AS 'SELECT reverse(p.email)';
CREATE FUNCTION h_star(p people) RETURNS text LANGUAGE sql STABLE AS 'SELECT reverse($1::text)';
CREATE FUNCTION h_positional(a int, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse($2) || $1';
CREATE FUNCTION h_local(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE r people%ROWTYPE; parts text[]; answer text := '';
BEGIN
    SELECT * INTO r FROM people WHERE id = n;
    parts := string_to_array(r.email, NULL);
    FOR i IN REVERSE array_length(parts, 1) .. 1 LOOP answer := answer || parts[i]; END LOOP;
    RETURN answer;
END $$;
CREATE FUNCTION h_bits(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE answer text := ''; c text;
BEGIN
    FOR i IN REVERSE 12 .. 1 LOOP
        FOREACH c IN ARRAY string_to_array('abcdefghijklmnopqrstuvwxyz0123456789@.', NULL) LOOP
            IF EXISTS (SELECT 1 FROM people p WHERE p.id = n AND substr(p.email, i, 1) = c) THEN
                answer := answer || c;
            END IF;
        END LOOP;
    END LOOP;
    RETURN answer;
END $$;
CREATE FUNCTION h_dynamic(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN EXECUTE 'SELECT reverse(email) FROM people WHERE id = ' || n INTO t; RETURN t; END $$;
CREATE FUNCTION h_dynamic2(c text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN EXECUTE format('SELECT reverse(%I::text) FROM people WHERE id = 1', c) INTO t; RETURN t; END $$;
CREATE FUNCTION h_error(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN PERFORM reverse(email)::int FROM people WHERE id = n; RETURN ''; EXCEPTION WHEN others THEN RETURN SQLERRM; END $$;
CREATE FUNCTION h_diag(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN PERFORM reverse(email)::int FROM people WHERE id = n; RETURN '';
EXCEPTION WHEN others THEN GET STACKED DIAGNOSTICS t = MESSAGE_TEXT; RETURN t; END $$;
CREATE FUNCTION h_raise(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE NOTICE 'person %', (SELECT reverse(email) FROM people WHERE id = n); RETURN n; END $$;
CREATE FUNCTION h_fail(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE EXCEPTION 'person %', (SELECT reverse(email) FROM people WHERE id = n) USING ERRCODE = 'P0001'; END $$;
CREATE FUNCTION h_xml(q text) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT reverse(query_to_xml(q, true, true, '')::text) $$;
CREATE FUNCTION h_stats() RETURNS SETOF text LANGUAGE sql STABLE AS
    $$ SELECT reverse(most_common_vals::text) FROM pg_stats WHERE tablename = 'people' $$;
CREATE FUNCTION h_rec(n int, t text DEFAULT '') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN n < 1 THEN t ELSE h_rec(n - 1, (SELECT t || reverse(email) FROM people WHERE id = n)) END $$;
CREATE FUNCTION h_ping(n int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN IF n < 1 THEN RETURN (SELECT reverse(email) FROM people WHERE id = 1); END IF; RETURN h_pong(n - 1); END $$;
CREATE FUNCTION h_pong(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN h_ping(n - 1); END $$;
CREATE TABLE things (id int PRIMARY KEY, title text NOT NULL);
INSERT INTO things SELECT id, title FROM products;
CREATE VIEW other.things AS SELECT id, email AS title FROM public.people;
CREATE FUNCTION h_path(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT reverse(title) FROM things WHERE id = n';
CREATE FUNCTION h_inner(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'public' || n $$;
CREATE FUNCTION other.h_inner(n int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT reverse(email) FROM public.people WHERE id = n';
CREATE FUNCTION h_pick(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT h_inner(n)';
CREATE FUNCTION h_agg_step(state text, value int) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT state || (SELECT reverse(email) FROM people WHERE id = value) $$;
CREATE AGGREGATE h_agg (int) (SFUNC = h_agg_step, STYPE = text, INITCOND = '');
CREATE FUNCTION h_final(state numeric) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT state || reverse(email) FROM people WHERE id = 1 $$;
CREATE AGGREGATE h_agg_final (numeric) (SFUNC = g_step, STYPE = numeric, INITCOND = '0', FINALFUNC = h_final);
CREATE FUNCTION h_plus(a text, b int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT a || reverse(email) FROM people WHERE id = b';
CREATE OPERATOR +> (LEFTARG = text, RIGHTARG = int, FUNCTION = h_plus);
CREATE VIEW v_called AS SELECT id, h_back(id) AS word, g_tax(price) AS gross FROM products;
CREATE VIEW v_const AS SELECT id, f_const() AS c FROM products;
CREATE VIEW v_const_nested AS SELECT upper(c) AS c FROM v_const;
CREATE VIEW v_called_table AS SELECT o.b AS word FROM products p, LATERAL h_out(p.id) o;

CREATE FUNCTION h_text() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_query()';
CREATE FUNCTION h_others() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT query FROM pg_stat_activity';
CREATE VIEW v_text AS SELECT id, email, h_text() AS said FROM people;
CREATE TABLE defaulted (id int PRIMARY KEY, a text DEFAULT h_back(1));
CREATE FUNCTION h_dark() RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ DECLARE t text; BEGIN EXECUTE 'SELECT reverse(email) FROM people WHERE id = 1' INTO t; RETURN t; END $$;
CREATE TABLE defaulted_dark (id int PRIMARY KEY, a text DEFAULT h_dark(), b text DEFAULT upper(h_dynamic2('email')),
    c text DEFAULT lower(h_error(2)), d text GENERATED ALWAYS AS (h_dark() || id::text) STORED);
CREATE FUNCTION h_dark_nested() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT h_dark() || '' $$;
CREATE FUNCTION h_dark_rows(pattern text) RETURNS SETOF int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN QUERY EXECUTE 'SELECT id FROM people WHERE email LIKE $1' USING pattern; END $$;
CREATE VIEW v_dark AS SELECT id, h_dark() AS word FROM products;
CREATE FUNCTION g_dark(n int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ DECLARE t text; BEGIN EXECUTE 'SELECT title FROM products WHERE id = $1' INTO t USING n; RETURN t; END $$;
CREATE FUNCTION g_dark_count() RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(country) FROM people' INTO n; RETURN n; END $$;
CREATE FUNCTION g_cursor(n int) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE c CURSOR FOR SELECT price FROM products WHERE id = n; p numeric;
BEGIN OPEN c; FETCH c INTO p; CLOSE c; RETURN p; END $$;
CREATE FUNCTION h_unseen(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN EXECUTE 'SELECT reverse(title) FROM unseen WHERE id = $1' INTO t USING n; RETURN t; END $$;
CREATE TABLE defaulted_unseen (id int, a text DEFAULT h_unseen(1));
CREATE TABLE defaulted_harmless (id int PRIMARY KEY, a text DEFAULT g_dark(1), b text DEFAULT lower('X'),
    c numeric DEFAULT g_cursor(2));
CREATE DOMAIN dark_word AS text DEFAULT h_dark();
CREATE DOMAIN plain_word AS text DEFAULT lower('X');
CREATE TABLE defaulted_domain (id int PRIMARY KEY, a dark_word, b plain_word);
CREATE TYPE dark_row AS (id int, a dark_word);
CREATE TABLE under_view (id int, a text, b text);
CREATE VIEW v_defaulting AS SELECT id, a, b FROM under_view;
ALTER VIEW v_defaulting ALTER a SET DEFAULT h_dark();
ALTER VIEW v_defaulting ALTER b SET DEFAULT lower('X');
CREATE VIEW v_plain_default AS SELECT id, a, b FROM under_view;
ALTER VIEW v_plain_default ALTER b SET DEFAULT lower('X');
CREATE FUNCTION h_slow(n int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT 1 FROM (SELECT pg_sleep(ascii(email) / 1e6) FROM people WHERE id = n) x';
CREATE FUNCTION h_locked(n int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT 1 FROM (SELECT pg_advisory_xact_lock(ascii(email)) FROM people WHERE id = n) x';

-- ---- what lets callers ask

CREATE FUNCTION q_like(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM people WHERE email LIKE pattern';
CREATE FUNCTION q_like_atomic(pattern text) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT count(*) FROM people WHERE email LIKE pattern);
CREATE FUNCTION q_range(low numeric) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT count(*) FROM people WHERE salary > low';
CREATE FUNCTION q_word(w text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM people WHERE email = w';
CREATE FUNCTION q_plpgsql(pattern text) RETURNS boolean LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN EXISTS (SELECT 1 FROM people WHERE email LIKE pattern); END $$;
CREATE FUNCTION q_rows(n int, pattern text) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; IF t LIKE pattern THEN RETURN NEXT 1; END IF; END $$;
CREATE FUNCTION q_divide(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
RETURN 1 / (CASE WHEN t LIKE pattern THEN 1 ELSE 0 END); END $$;
CREATE FUNCTION q_says(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF t LIKE pattern THEN RAISE NOTICE 'yes'; END IF; RETURN 1; END $$;
CREATE FUNCTION q_stops(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF t LIKE pattern THEN RAISE EXCEPTION 'no'; END IF; RETURN 1; END $$;
CREATE FUNCTION q_limit(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM products LIMIT (SELECT count(*) FROM people WHERE email LIKE pattern)';
CREATE FUNCTION q_sorted(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM people ORDER BY email LIKE pattern DESC, id LIMIT 3';
CREATE FUNCTION q_compare(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a LIKE b';
CREATE TABLE guesses (word text);
CREATE FUNCTION q_words() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT count(*) FROM people p JOIN guesses g ON p.email = g.word';
CREATE FUNCTION q_repeat(t text) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS
    'SELECT generate_series(1, ascii(t))';

-- ---- what cannot be traced, and answers by failing or by speaking

CREATE FUNCTION q_dynamic(pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE n int; BEGIN EXECUTE 'SELECT 1 / count(*) FROM people WHERE email LIKE $1' INTO n USING pattern; RETURN 1; END $$;
CREATE FUNCTION q_dynamic_any(query text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE n int; BEGIN EXECUTE query INTO n; RETURN 1 / n; END $$;
CREATE FUNCTION q_dynamic_says(pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE n int; BEGIN
    EXECUTE 'SELECT count(*) FROM people WHERE email LIKE $1' INTO n USING pattern;
    IF n > 0 THEN RAISE NOTICE 'yes'; END IF; RETURN 1;
END $$;
CREATE FUNCTION q_writes(pattern text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 / count(*) FROM people WHERE email LIKE pattern;
    INSERT INTO scratch (id, what) VALUES (881, 'asked'); RETURN 1;
END $$;
CREATE FUNCTION q_nested(pattern text) RETURNS int LANGUAGE sql STABLE AS 'SELECT q_dynamic(pattern)';
CREATE FUNCTION q_unused(pattern text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN q_writes(pattern); EXCEPTION WHEN division_by_zero THEN RAISE EXCEPTION 'none'; END $$;
CREATE FUNCTION q_step(state int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN q_dynamic(pattern); END $$;
CREATE AGGREGATE q_agg (text) (SFUNC = q_step, STYPE = int, INITCOND = '0');
CREATE PROCEDURE q_proc(pattern text) LANGUAGE plpgsql AS
    $$ BEGIN PERFORM 1 / count(*) FROM people WHERE email LIKE pattern; END $$;
CREATE PROCEDURE q_proc_dynamic(pattern text) LANGUAGE plpgsql AS $$ BEGIN PERFORM q_dynamic(pattern); END $$;
CREATE OPERATOR ?~ (RIGHTARG = text, FUNCTION = q_dynamic);
CREATE PROCEDURE g_proc(n int) LANGUAGE plpgsql AS
    $$ BEGIN UPDATE priced SET price = price + n WHERE id = 1; END $$;
CREATE FUNCTION g_writes(t text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN UPDATE priced SET price = length(t) WHERE id = 2; RETURN (SELECT count(price) FROM products); END $$;

-- Functions as most people write them: nothing is said of how volatile they are.
CREATE FUNCTION n_tax(p numeric, rate numeric DEFAULT 19) RETURNS numeric LANGUAGE sql AS $$ SELECT round(p * (100 + rate) / 100, 2) $$;
CREATE FUNCTION n_total(person int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    total numeric;
BEGIN
    SELECT sum(p.price) INTO total FROM orders o JOIN products p ON p.id = o.product_id WHERE o.person_id = person;
    IF total IS NULL THEN
        RETURN 0;
    END IF;
    RETURN total;
END;
$$;
CREATE FUNCTION n_search(q text, OUT id int, OUT title text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT p.id, p.title FROM products p WHERE p.title ILIKE '%' || q || '%' ORDER BY p.id;
END;
$$;
CREATE FUNCTION n_mail(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    SELECT reverse(email) INTO r FROM people WHERE id = n;
    RETURN r;
END;
$$;
CREATE FUNCTION n_mails() RETURNS TABLE (a int, b text) LANGUAGE sql AS $$ SELECT id, reverse(email) FROM people $$;

-- ---- what answers by failing where nothing is written that fails, or through others

CREATE FUNCTION q_assigned(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; k int; BEGIN SELECT email INTO t FROM people WHERE id = n;
k := CASE WHEN starts_with(t, pattern) THEN 'x' ELSE '1' END; RETURN 1; END $$;
CREATE FUNCTION q_returned(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN RETURN 'x'::text; END IF; RETURN 1; END $$;
CREATE FUNCTION q_into(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; k int; BEGIN SELECT email INTO t FROM people WHERE id = n;
SELECT s.v INTO k FROM (VALUES ('x', true), ('1', false)) s(v, b) WHERE s.b = (starts_with(t, pattern)); RETURN 1; END $$;
CREATE FUNCTION q_null(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; k int NOT NULL := 1; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN k := NULL; END IF; RETURN 1; END $$;
CREATE FUNCTION q_short(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; k varchar(2); BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN k := 'long'; END IF; RETURN 1; END $$;
CREATE FUNCTION q_strict(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; k int; BEGIN SELECT email INTO t FROM people WHERE id = n;
SELECT 1 INTO STRICT k WHERE starts_with(t, pattern); RETURN 1; END $$;
CREATE FUNCTION q_no_case(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
CASE WHEN starts_with(t, pattern) THEN RETURN 1; END CASE; END $$;
CREATE FUNCTION q_no_return(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN RETURN 1; END IF; END $$;
CREATE FUNCTION q_step_by(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; s int := 1; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN s := 0; END IF; FOR i IN 1..2 BY s LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION q_bound(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; s int := 1; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN s := NULL; END IF; FOR i IN 1..s LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION q_each(n int, pattern text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; a int[] := '{}'; i int; BEGIN SELECT email INTO t FROM people WHERE id = n;
IF starts_with(t, pattern) THEN a := NULL; END IF; FOREACH i IN ARRAY a LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION q_query(n int, pattern text) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
RETURN QUERY SELECT 1 WHERE starts_with(t, pattern); END $$;
CREATE FUNCTION q_query_many(n int, pattern text) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n;
RETURN QUERY SELECT generate_series(1, CASE WHEN starts_with(t, pattern) THEN 5 ELSE 2 END); END $$;
CREATE FUNCTION q_says_sql(pattern text) RETURNS int LANGUAGE sql STABLE AS 'SELECT q_says(1, pattern)';
CREATE FUNCTION q_says_plpgsql(pattern text) RETURNS int LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN q_says(1, pattern); END';
CREATE FUNCTION q_says_default(a int, b int DEFAULT q_says(1, current_setting('my.pattern', true))) RETURNS int
    LANGUAGE sql STABLE AS 'SELECT a';
CREATE FUNCTION q_limit_sql(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT * FROM q_limit(pattern)';
CREATE FUNCTION q_rows_sql(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT * FROM q_rows(1, pattern)';
CREATE FUNCTION q_rows_plpgsql(pattern text) RETURNS bigint LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN (SELECT count(*) FROM q_rows(1, pattern)); END';

-- ---- PL/pgSQL by variables: what goes from one to another by the way

CREATE TYPE swapped AS (email text, id text);
CREATE FUNCTION h_two(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE a int; b text; BEGIN SELECT id, reverse(email) AS email INTO a, b FROM people WHERE id = n; RETURN b; END $$;
CREATE FUNCTION h_copy(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; u text; v text; BEGIN v := u; u := t; SELECT reverse(email) AS email INTO t FROM people WHERE id = n; u := t; v := u; RETURN v; END $$;
CREATE FUNCTION h_carried(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; a text := ''; b text := ''; c text := ''; BEGIN FOR i IN 1..4 LOOP c := b; b := a; a := t; SELECT reverse(email) AS email INTO t FROM people WHERE id = n; END LOOP; RETURN c; END $$;
CREATE FUNCTION h_star_record(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT * INTO r FROM people WHERE id = n; RETURN reverse(r.email); END $$;
CREATE FUNCTION h_record_text(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT id, reverse(email) AS email INTO r FROM people WHERE id = n; RETURN r::text; END $$;
CREATE FUNCTION h_record_json(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT id, reverse(email) AS email INTO r FROM people WHERE id = n; RETURN to_jsonb(r) ->> 'email'; END $$;
CREATE FUNCTION h_record_copy(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; s record; BEGIN SELECT id, reverse(email) AS email INTO r FROM people WHERE id = n; s := r; RETURN s.email; END $$;
CREATE FUNCTION h_record_other(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT id, country AS x INTO r FROM people WHERE id = n; SELECT id, reverse(email) AS x INTO r FROM people WHERE id = n; RETURN r.x; END $$;
CREATE FUNCTION h_record_places(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; u text; v text; BEGIN SELECT reverse(email) AS a, country AS b INTO r FROM people WHERE id = n; SELECT r.* INTO v, u; RETURN v; END $$;
CREATE FUNCTION h_row_swapped(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r swapped; BEGIN SELECT id::text, reverse(email) AS email INTO r FROM people WHERE id = n; RETURN r.id; END $$;
CREATE FUNCTION h_row_type(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r public.products%ROWTYPE; BEGIN SELECT id, reverse(email) AS email, reverse(email) AS email INTO r FROM people WHERE id = n; RETURN coalesce(r.title, r.sku); END $$;
CREATE FUNCTION h_row_returned(n int) RETURNS swapped LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT country AS id, reverse(email) AS email INTO r FROM people WHERE id = n; RETURN r; END $$;
CREATE FUNCTION h_field_set(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r record; BEGIN SELECT 'x'::text AS a, 'y'::text AS b INTO r; SELECT reverse(email) AS email INTO t FROM people WHERE id = n; r.a := t; RETURN r.a; END $$;
CREATE FUNCTION h_field_into(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT 'x'::text AS a, 'y'::text AS b INTO r; SELECT id::text, reverse(email) AS email INTO r.b, r.a FROM people WHERE id = n; RETURN r.a; END $$;
CREATE FUNCTION h_array_part(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; a text[]; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; a[2] := t; RETURN a[n + 1]; END $$;
CREATE FUNCTION h_array_each(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; a text[]; s text; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; a := ARRAY[t, 'x']; FOREACH s IN ARRAY a LOOP r := r || s; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_array_slice(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; a text[][]; s text[]; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; a := ARRAY[ARRAY[t, 'x'], ARRAY['y', t]]; FOREACH s SLICE 1 IN ARRAY a LOOP r := r || s[1]; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_shadowed(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text := 'x'; BEGIN DECLARE t text; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; RETURN t; END; END $$;
CREATE FUNCTION h_labelled(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ <<a>> DECLARE t text := 'x'; BEGIN <<b>> DECLARE t text := 'y'; BEGIN SELECT reverse(email) AS email INTO a.t FROM people WHERE id = n; RETURN a.t; END; END $$;
CREATE FUNCTION h_argument_set(n int, w text DEFAULT 'x') RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT reverse(email) AS email INTO w FROM people WHERE id = n; RETURN h_argument_set.w; END $$;
CREATE FUNCTION h_numbered_set(int, text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT reverse(email) AS email INTO $2 FROM people WHERE id = $1; RETURN $2; END $$;
CREATE FUNCTION h_alias(n int, text) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE w ALIAS FOR $2; BEGIN SELECT reverse(email) AS email INTO w FROM people WHERE id = n; RETURN w; END $$;
CREATE FUNCTION h_alias_hides(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; w text := 'x'; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; DECLARE w ALIAS FOR t; BEGIN RETURN w; END; END $$;
CREATE FUNCTION h_quoted(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE "T" text; t text := 'x'; BEGIN SELECT reverse(email) AS email INTO "T" FROM people WHERE id = n; RETURN "T"; END $$;
CREATE FUNCTION h_column_name(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ #variable_conflict use_variable
DECLARE country text; BEGIN SELECT p.email INTO country FROM people p WHERE p.id = n; RETURN (SELECT country FROM people LIMIT 1); END $$;
CREATE FUNCTION h_column_name2(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ #variable_conflict use_column
DECLARE email text := 'x'; BEGIN RETURN (SELECT reverse(email) FROM people WHERE id = n); END $$;
CREATE FUNCTION h_loop_label(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE s text := ''; BEGIN <<l>> FOR i IN 1..2 LOOP SELECT s || reverse(email) INTO s FROM people WHERE id = l.i; END LOOP; RETURN s; END $$;
CREATE FUNCTION h_out_two(n int, OUT a text, OUT b text) LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT country, reverse(email) AS email INTO a, b FROM people WHERE id = n; END $$;
CREATE FUNCTION h_out_crossed(n int, OUT a text, OUT b text) LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT country, reverse(email) AS email INTO b, a FROM people WHERE id = n; RETURN; END $$;
CREATE FUNCTION h_inout_set(n int, INOUT a text, OUT b text) LANGUAGE plpgsql STABLE AS $$ BEGIN b := a; SELECT reverse(email) AS email INTO a FROM people WHERE id = n; END $$;
CREATE FUNCTION h_table_next(n int) RETURNS TABLE (a text, b text) LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN FOR r IN SELECT p.country, reverse(p.email) AS email FROM people p LOOP a := r.email; b := r.country; RETURN NEXT; END LOOP; END $$;
CREATE FUNCTION h_table_query(n int) RETURNS TABLE (a text, b text) LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT reverse(p.email) AS email INTO t FROM people p WHERE p.id = n; RETURN QUERY SELECT 'x'::text, t; RETURN QUERY SELECT t, 'x'::text; END $$;
CREATE FUNCTION h_set_rows(n int) RETURNS SETOF swapped LANGUAGE plpgsql STABLE AS $$ DECLARE r swapped; BEGIN FOR r IN SELECT p.country, reverse(p.email) AS email FROM people p LOOP RETURN NEXT r; END LOOP; END $$;
CREATE FUNCTION h_set_expression(n int) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM people LOOP RETURN NEXT upper(reverse(r.email)); END LOOP; END $$;
CREATE FUNCTION h_for_row(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE a text; b int; BEGIN FOR b, a IN SELECT id, reverse(email) AS email FROM people WHERE id = n LOOP EXIT; END LOOP; RETURN a; END $$;
CREATE FUNCTION h_spelt(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP FOR c IN 32..126 LOOP IF substr(t, i, 1) = chr(c) THEN r := r || chr(c); END IF; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_case(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP FOR c IN 32..126 LOOP CASE ascii(substr(t, i, 1)) WHEN c THEN r := r || chr(c); ELSE NULL; END CASE; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_while(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; c int; i int := 1; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; WHILE i <= length(t) LOOP c := 0; WHILE c < ascii(substr(t, i, 1)) LOOP c := c + 1; END LOOP; r := r || chr(c); i := i + 1; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_exit(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP k := 0; LOOP EXIT WHEN k = ascii(substr(t, i, 1)); k := k + 1; END LOOP; r := r || chr(k); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_bound(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP k := 0; FOR j IN 1..ascii(substr(t, i, 1)) LOOP k := k + 1; END LOOP; r := r || chr(k); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_rows(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; x record; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP k := 0; FOR x IN SELECT g FROM generate_series(1, ascii(substr(t, i, 1))) g LOOP k := k + 1; END LOOP; r := r || chr(k); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_counted(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP PERFORM g FROM generate_series(1, 200) g WHERE g <= ascii(substr(t, i, 1)); GET DIAGNOSTICS k = ROW_COUNT; r := r || chr(k); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_series(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..60 LOOP PERFORM generate_series(1, ascii(substr(t, i, 1))); GET DIAGNOSTICS k = ROW_COUNT; IF k > 0 THEN r := r || chr(k); END IF; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_limit(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..60 LOOP PERFORM g FROM generate_series(1, 200) g LIMIT ascii(substr(t, i, 1)); GET DIAGNOSTICS k = ROW_COUNT; IF k > 0 THEN r := r || chr(k); END IF; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_found(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..60 LOOP FOR c IN 32..126 LOOP PERFORM 1 WHERE substr(t, i, 1) = chr(c); IF FOUND THEN r := r || chr(c); END IF; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_found2(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text := ''; BEGIN FOR i IN 1..60 LOOP FOR c IN 32..126 LOOP PERFORM 1 FROM people WHERE id = n AND substr(reverse(email), i, 1) = chr(c); IF FOUND THEN r := r || chr(c); END IF; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_into(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text := ''; k int; BEGIN FOR i IN 1..60 LOOP FOR c IN 32..126 LOOP k := 0; SELECT 1 INTO k FROM people WHERE id = n AND substr(reverse(email), i, 1) = chr(c); IF k = 1 THEN r := r || chr(c); END IF; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_out(n int, OUT a text, OUT b text) LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN a := ''; SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP FOR c IN 32..126 LOOP IF substr(t, i, 1) = chr(c) THEN a := a || chr(c); END IF; END LOOP; END LOOP; END $$;
CREATE FUNCTION h_spelt_handler(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..60 LOOP FOR c IN 32..126 LOOP BEGIN PERFORM 1 / CASE WHEN substr(t, i, 1) = chr(c) THEN 0 ELSE 1 END; EXCEPTION WHEN division_by_zero THEN r := r || chr(c); END; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_strict(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text := ''; k int; BEGIN FOR i IN 1..60 LOOP FOR c IN 32..126 LOOP BEGIN SELECT 1 INTO STRICT k FROM people WHERE id = n AND substr(reverse(email), i, 1) = chr(c); r := r || chr(c); EXCEPTION WHEN no_data_found THEN NULL; END; END LOOP; END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_early(n int, i int, c int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; IF substr(t, i, 1) <> chr(c) THEN RETURN ''; END IF; RETURN chr(c); END $$;
CREATE FUNCTION h_spelt_subscript(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; a int[]; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP a := NULL; a[ascii(substr(t, i, 1))] := 1; r := r || chr(array_lower(a, 1)); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_each(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r text := ''; k int; s int; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP k := 0; FOREACH s IN ARRAY array_fill(1, ARRAY[ascii(substr(t, i, 1))]) LOOP k := k + 1; END LOOP; r := r || chr(k); END LOOP; RETURN r; END $$;
CREATE FUNCTION h_spelt_rows_out(n int) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP FOR c IN 32..126 LOOP IF substr(t, i, 1) = chr(c) THEN RETURN NEXT chr(c); END IF; END LOOP; END LOOP; END $$;
CREATE FUNCTION h_spelt_query(n int) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; FOR i IN 1..length(t) LOOP RETURN QUERY SELECT chr(c) FROM generate_series(32, 126) c WHERE chr(c) = substr(t, i, 1); END LOOP; END $$;
CREATE FUNCTION h_recursive(n int, i int DEFAULT 1) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT reverse(email) AS email INTO t FROM people WHERE id = n; IF i > length(t) THEN RETURN ''; END IF; FOR c IN 32..126 LOOP IF substr(t, i, 1) = chr(c) THEN RETURN chr(c) || h_recursive(n, i + 1); END IF; END LOOP; RETURN ''; END $$;
CREATE FUNCTION h_default_set(n int, w text DEFAULT h_back(1)) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE v text; BEGIN v := w; w := 'x'; RETURN v; END $$;
CREATE FUNCTION h_declared(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t text := (SELECT reverse(email) AS email FROM people WHERE id = n); u text DEFAULT t; BEGIN RETURN u; END $$;
CREATE FUNCTION h_declared_row(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record := (SELECT p FROM people p WHERE p.id = n); BEGIN RETURN reverse(r.email); END $$;
CREATE FUNCTION h_constant(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE t CONSTANT text := (SELECT reverse(email) AS email FROM people WHERE id = n); BEGIN RETURN t; END $$;
CREATE FUNCTION h_returned_row(n int) RETURNS people LANGUAGE plpgsql STABLE AS $$ DECLARE r people%ROWTYPE; BEGIN SELECT * INTO r FROM people WHERE id = n; r.country := reverse(r.email); RETURN r; END $$;
CREATE FUNCTION h_returned_part(n int) RETURNS swapped LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT ROW(p.country, reverse(p.email))::swapped FROM people p WHERE p.id = n); END $$;
CREATE FUNCTION h_given_row(p people) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE q people; BEGIN q := p; p.country := reverse(q.email); RETURN p.country; END $$;
CREATE FUNCTION q_found(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; PERFORM 1 WHERE starts_with(t, w); IF FOUND THEN RETURN NULL; END IF; RETURN 'x'; END $$;
CREATE FUNCTION q_asserts(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; ASSERT NOT starts_with(t, w); RETURN 1; END $$;
CREATE FUNCTION q_notices(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; FOR i IN 1..CASE WHEN starts_with(t, w) THEN 1 ELSE 2 END LOOP RAISE NOTICE 'x'; END LOOP; RETURN 1; END $$;
CREATE FUNCTION q_constant(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; IF starts_with(t, w) THEN PERFORM 1 / 0; END IF; RETURN 1; END $$;
CREATE FUNCTION q_constant_cast(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; IF starts_with(t, w) THEN PERFORM 'x'::int; END IF; RETURN 1; END $$;
CREATE FUNCTION q_no_record(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; r record; BEGIN SELECT email INTO t FROM people WHERE id = n; IF starts_with(t, w) THEN SELECT 1 AS a INTO r; END IF; RETURN r.a; END $$;
CREATE FUNCTION q_replaced(n int, w text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; k int; BEGIN SELECT email INTO t FROM people WHERE id = n; k := '1' || replace(left(t, 5), w, ''); RETURN 1; END $$;
CREATE FUNCTION q_two_rows(n int, w text) RETURNS TABLE (a int, b text) LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; RETURN QUERY SELECT 1, 'x'::text; IF starts_with(t, w) THEN RETURN QUERY SELECT 2, 'y'::text; END IF; END $$;
CREATE FUNCTION q_early(n int, w text) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; RETURN NEXT 1; IF starts_with(t, w) THEN RETURN; END IF; RETURN NEXT 2; END $$;
CREATE FUNCTION q_clean_out(n int, w text, OUT a int, OUT b int) LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; a := 1; IF starts_with(t, w) THEN b := 2; END IF; END $$;

-- ---- harmless by variables, though a masked column is read on the way

CREATE FUNCTION g_status(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE rec record; BEGIN SELECT * INTO rec FROM public.people WHERE id = n; RETURN rec.state; END $$;
CREATE FUNCTION g_status_or(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE rec record; BEGIN SELECT p.id, p.email, p.country INTO rec FROM people p WHERE p.id = n; IF NOT FOUND THEN RETURN 'nobody'; END IF; RETURN upper(rec.country); END $$;
CREATE FUNCTION g_two(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE v_id int; v_mail text; BEGIN SELECT p.id, p.email INTO v_id, v_mail FROM people p WHERE p.id = n; RETURN v_id + 1; END $$;
CREATE FUNCTION g_row_type(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r public.people%ROWTYPE; BEGIN SELECT * INTO r FROM public.people WHERE id = n; RETURN r.country || r.id; END $$;
CREATE FUNCTION g_each(c text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN FOR r IN SELECT p.id, p.email, p.country FROM people p WHERE p.country = c ORDER BY p.id LOOP RETURN NEXT r.country || r.id; END LOOP; END $$;
CREATE FUNCTION g_out_one(n int, OUT nr int, OUT mail text, OUT country text) LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT p.id, p.email, p.country INTO nr, mail, country FROM people p WHERE p.id = n; END $$;
CREATE FUNCTION g_listed(c text) RETURNS TABLE (nr int, mail text, land text) LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT p.id, p.email, p.country FROM people p WHERE p.country = c ORDER BY p.id; END $$;
CREATE FUNCTION g_next(lowest int) RETURNS TABLE (nr int, mail text, land text) LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM public.people p WHERE p.id >= lowest ORDER BY p.id LOOP nr := r.id; mail := lower(r.email); land := r.country; IF nr % 2 = 0 THEN land := '-'; END IF; RETURN NEXT; END LOOP; END $$;
CREATE FUNCTION g_counting(c text) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE n int := 0; r record; BEGIN FOR r IN SELECT p.email, p.state FROM people p WHERE p.country = c LOOP CONTINUE WHEN r.state IS NULL; n := n + 1; END LOOP; RETURN n || ' in ' || c; END $$;
CREATE FUNCTION g_shown_row(n int) RETURNS people LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT * INTO r FROM public.people p WHERE p.id = n; RETURN r; END $$;
CREATE FUNCTION g_mail(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE v text; BEGIN SELECT email INTO v FROM people WHERE id = n; RETURN v; END $$;
CREATE FUNCTION g_raises(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT * INTO r FROM public.people WHERE id = n; IF r.id IS NULL THEN RAISE EXCEPTION 'nobody %', n; END IF; RETURN r.country; END $$;
CREATE FUNCTION g_strict(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT * INTO STRICT r FROM public.people WHERE id = n; RETURN r.country; END $$;
CREATE FUNCTION g_rows_seen(c text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE k int; BEGIN PERFORM p.email FROM people p WHERE p.country = c; GET DIAGNOSTICS k = ROW_COUNT; RETURN k; END $$;
CREATE FUNCTION g_blocks(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ <<outside>> DECLARE a text; BEGIN SELECT country INTO a FROM people WHERE id = n; DECLARE m text; BEGIN SELECT email INTO m FROM people WHERE id = n; outside.a := outside.a || '!'; END; RETURN a; END $$;
CREATE FUNCTION g_set_field(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN SELECT p.email, p.country INTO r FROM people p WHERE p.id = n; r.country := lower(r.country); RETURN r.country; END $$;

-- ---- what stays behind

CREATE FUNCTION q_numbered(n int, w text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; PERFORM txid_current() WHERE starts_with(t, w); RETURN txid_current_if_assigned() IS NULL; END $$;
CREATE FUNCTION q_locking(n int, w text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM people WHERE id = n AND starts_with(email, w) FOR UPDATE; RETURN txid_current_if_assigned() IS NULL; END $$;
CREATE FUNCTION q_seed(n int, w text) RETURNS float LANGUAGE plpgsql AS $$ DECLARE t text; BEGIN SELECT email INTO t FROM people WHERE id = n; PERFORM setseed(CASE WHEN starts_with(t, w) THEN 0.1 ELSE 0.2 END); RETURN random(); END $$;
CREATE FUNCTION q_seed_sql(n int, w text) RETURNS float LANGUAGE sql AS $$ SELECT setseed(CASE WHEN starts_with(email, w) THEN 0.1 ELSE 0.2 END) FROM people WHERE id = n; SELECT random() $$;

-- ---- tables hidden behind temporary ones

CREATE FUNCTION h_shifted(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE a text; b text; c text; BEGIN SELECT t.*, reverse(p.email) AS email INTO a, b, c FROM public.people p, things t WHERE p.id = n; RETURN b; END $$;
CREATE FUNCTION h_shifted_row(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r public.products%ROWTYPE; BEGIN SELECT t.*, reverse(p.email) AS email INTO r FROM public.people p, things t WHERE p.id = n; RETURN r.id || r.sku; END $$;
CREATE FUNCTION h_hidden_type(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r things%ROWTYPE; BEGIN SELECT id, reverse(email) AS email INTO r FROM public.people WHERE id = n; RETURN r.id; END $$;
CREATE FUNCTION h_from_label(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$ <<b>> DECLARE v text; BEGIN SELECT reverse(email) INTO v FROM people WHERE id = n; RETURN b.v; END $$;
CREATE FUNCTION h_next_from_label(n int) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ <<b>> DECLARE v text; BEGIN SELECT reverse(email) INTO v FROM people WHERE id = n; RETURN NEXT b.v; RETURN NEXT v; END $$;
CREATE FUNCTION h_from_function(n int, w text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN SELECT reverse(email) INTO w FROM people WHERE id = n; RETURN h_from_function.w; END $$;
