-- After the data: what is derived from it, the rights, and the statistics the classifier reads.

SET ROLE shop_owner;

CREATE MATERIALIZED VIEW customer_value AS
    SELECT c.id, c.email, c.country, count(o.id) AS orders, coalesce(sum(o.total), 0) AS lifetime_value
    FROM customers c LEFT JOIN orders o ON o.customer_id = c.id
    GROUP BY c.id, c.email, c.country;

GRANT USAGE ON SCHEMA clinic, hr TO shop_ro, shop_rw;
GRANT SELECT ON ALL TABLES IN SCHEMA public, clinic, hr TO shop_ro, shop_rw;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, clinic TO shop_rw;

RESET ROLE;

-- The one login the proxy has. It may become each of the three; which one, govproxy.yaml says.
GRANT shop_ro, shop_rw, shop_owner TO govproxy_login;

ANALYZE;
