-- The demo database: a shop with a clinic beside it. Filled by govproxy.demo.sample.
-- Run by the superuser in an empty database. Everything belongs to shop_owner; the proxy logs in
-- as govproxy_login, an ordinary role that owns nothing.

CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop_ro NOLOGIN;
CREATE ROLE shop_rw NOLOGIN;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO shop_owner;

SET ROLE shop_owner;

CREATE TYPE order_status AS ENUM ('placed', 'paid', 'shipped', 'delivered', 'returned');

CREATE TABLE customers (
    id          integer PRIMARY KEY,
    first_name  text NOT NULL,
    last_name   text NOT NULL,
    email       text NOT NULL UNIQUE,
    phone       varchar(24),
    birth_date  date,
    ssn         char(11),
    street      text,
    city        text,
    postcode    text,
    country     char(2) NOT NULL,
    last_ip     inet,
    segment     text NOT NULL,
    newsletter  boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL
);
COMMENT ON COLUMN customers.ssn IS 'national identity number';
COMMENT ON COLUMN customers.segment IS 'consumer, business or public';

CREATE TABLE products (
    id          integer PRIMARY KEY,
    sku         text NOT NULL UNIQUE,
    name        text NOT NULL,
    category    text NOT NULL,
    price       numeric(10, 2) NOT NULL CHECK (price > 0),
    tags        text[] NOT NULL DEFAULT '{}',
    in_stock    integer NOT NULL
);

CREATE TABLE orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    status      order_status NOT NULL,
    placed_at   timestamptz NOT NULL,
    total       numeric(12, 2) NOT NULL,
    delivery_note text
);
CREATE INDEX ON orders (customer_id);

CREATE TABLE order_items (
    order_id    integer NOT NULL REFERENCES orders,
    line        smallint NOT NULL,
    product_id  integer NOT NULL REFERENCES products,
    quantity    smallint NOT NULL CHECK (quantity > 0),
    unit_price  numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id          bigint PRIMARY KEY,
    order_id    integer NOT NULL REFERENCES orders,
    method      text NOT NULL,
    card_number text,
    card_expiry text,
    iban        text,
    amount      numeric(12, 2) NOT NULL,
    paid_at     timestamptz NOT NULL
);

CREATE TABLE reviews (
    id          integer PRIMARY KEY,
    product_id  integer NOT NULL REFERENCES products,
    stars       smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body        text NOT NULL,
    written_at  timestamptz NOT NULL
);

CREATE TABLE events (
    id          bigint PRIMARY KEY,
    kind        text NOT NULL,
    payload     jsonb NOT NULL,
    occurred_at timestamptz NOT NULL
);

CREATE TABLE api_keys (
    id          integer PRIMARY KEY,
    owner       text NOT NULL,
    api_key     text NOT NULL,
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE VIEW customer_contacts AS
    SELECT id, first_name || ' ' || last_name AS who, email AS contact, phone, country FROM customers;

RESET ROLE;

CREATE SCHEMA clinic AUTHORIZATION shop_owner;
CREATE SCHEMA hr AUTHORIZATION shop_owner;
SET ROLE shop_owner;

CREATE TABLE clinic.patients (
    id          integer PRIMARY KEY,
    mrn         text NOT NULL UNIQUE,
    full_name   text NOT NULL,
    date_of_birth date NOT NULL,
    blood_type  text NOT NULL,
    insurance_number text NOT NULL
);
COMMENT ON COLUMN clinic.patients.mrn IS 'medical record number';

CREATE TABLE clinic.visits (
    id          integer PRIMARY KEY,
    patient_id  integer NOT NULL REFERENCES clinic.patients,
    seen_on     date NOT NULL,
    diagnosis   text NOT NULL,
    notes       text NOT NULL
);

CREATE TABLE hr.employees (
    id          integer PRIMARY KEY,
    full_name   text NOT NULL,
    work_email  text NOT NULL,
    title       text NOT NULL,
    salary      numeric(10, 2) NOT NULL,
    bank_account text NOT NULL,
    manager_id  integer REFERENCES hr.employees,
    hired_on    date NOT NULL
);

RESET ROLE;
