CREATE SCHEMA archive;
CREATE TYPE address AS (street text, zip text);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, email varchar(120), ssn text, salary numeric, active bool,
    born date, home address, tags text[], extra jsonb, state mood,
    label text GENERATED ALWAYS AS (name || ' ' || email) STORED
);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric, note text, placed timestamptz, doc xml
);
CREATE TABLE items (order_id int, product_id int, qty int, price numeric);
CREATE TABLE products (id int PRIMARY KEY, name text, price numeric, parent int);
CREATE TABLE archive.customers (id int, email text, removed date, ssn text);
CREATE TABLE events (id int, at date, who text, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE parent (id int, secret text);
CREATE TABLE child (more text) INHERITS (parent);
ALTER TABLE customers ADD COLUMN dropped text;
ALTER TABLE customers DROP COLUMN dropped;
ALTER TABLE customers ADD COLUMN phone text;
CREATE VIEW active_customers AS SELECT id, name, email AS mail, lower(ssn) AS low, phone FROM customers WHERE active;
CREATE VIEW contacts (who, address) AS SELECT a.name, a.mail FROM active_customers a;
CREATE VIEW everyone AS SELECT id, email FROM customers UNION ALL SELECT id, email FROM archive.customers;
CREATE VIEW totals AS
    SELECT c.id, c.name, count(o.id) AS n, sum(o.total) AS sum, max(o.note) AS last
    FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id;
CREATE VIEW cte_view AS WITH x AS (SELECT id, ssn FROM customers) SELECT x.*, o.note FROM x JOIN orders o USING (id);
CREATE VIEW lateral_view AS SELECT c.id, l.note FROM customers c, LATERAL (SELECT note FROM orders WHERE customer_id = c.id) l;
CREATE VIEW simple AS SELECT id, name, email FROM customers;
CREATE MATERIALIZED VIEW snapshot AS SELECT id, email, upper(ssn) AS ssn FROM customers;
CREATE VIEW over_snapshot AS SELECT email FROM snapshot;
CREATE FUNCTION public.hidden(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM customers WHERE id = $1';
CREATE FUNCTION public.pick(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';
CREATE FUNCTION public.rows_of() RETURNS SETOF customers LANGUAGE sql AS 'SELECT * FROM customers';
CREATE VIEW opaque_view AS SELECT id, hidden(id) AS h FROM customers;
