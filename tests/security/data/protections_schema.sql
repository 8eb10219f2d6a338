-- The database of protections_more.txt: a parcel service. Words that begin with `zq` are planted: whoever sees
-- masked must not see any of them.

CREATE TABLE pt_couriers (
    id int PRIMARY KEY, full_name text NOT NULL, email text NOT NULL UNIQUE, phone text, iban text, ssn text,
    passport_no text, home_city text, rating int NOT NULL
);
CREATE TABLE pt_parcels (
    id int PRIMARY KEY, courier_id int NOT NULL REFERENCES pt_couriers, recipient_email text NOT NULL,
    weight numeric(8,2) NOT NULL, status text NOT NULL, sent_on date NOT NULL
);
CREATE TABLE pt_memos (id int PRIMARY KEY, body text, data jsonb, lines text[], raw bytea);
CREATE TABLE pt_scans (id int PRIMARY KEY, parcel_id int NOT NULL, station text NOT NULL);
CREATE TABLE pt_vault (id int PRIMARY KEY, label text NOT NULL, secret text NOT NULL);
CREATE TABLE pt_frozen (id int PRIMARY KEY, n int);
CREATE TABLE pt_notes (id int PRIMARY KEY, note text);
CREATE VIEW pt_frozen_view AS SELECT id, n FROM pt_frozen;

INSERT INTO pt_couriers SELECT g, 'Zqname' || g || ' Zqfamily' || g, 'zqmail' || g || '@courier.example',
    '+49 151 7700' || (1000 + g), 'DE89370400440532013000', '536-22-' || (1000 + g), 'ZQ77' || (10000 + g), 'Bonn', g % 5
    FROM generate_series(1, 40) g;
INSERT INTO pt_parcels SELECT g, 1 + g % 40, 'zqrecipient' || g || '@home.example', g, 'sent', '2026-01-01'
    FROM generate_series(1, 200) g;
INSERT INTO pt_memos SELECT g, 'call zqmemo' || g || '@free.example or card 4111 1111 1111 1111 about it',
    jsonb_build_object('note', 'zqjson' || g || '@free.example', 'n', g), ARRAY['zqline' || g || '@free.example', 'x'],
    convert_to('zqraw' || g || '@free.example', 'UTF8') FROM generate_series(1, 20) g;
INSERT INTO pt_scans SELECT g, 1 + g % 200, 'station ' || g % 7 FROM generate_series(1, 20000) g;
INSERT INTO pt_vault SELECT g, 'box ' || g, 'zqvault' || g FROM generate_series(1, 5) g;
INSERT INTO pt_frozen SELECT g, g FROM generate_series(1, 5) g;
ANALYZE;
