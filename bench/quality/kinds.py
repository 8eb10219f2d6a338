"""The kinds of columns that must be found: class, names in five styles, type, values.

``shaped`` kinds can be told by their values under any name; the others need a name that says something.
A style without a name of its own for a kind repeats the English one in that style.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bench.quality import makers as m
from bench.quality import words
from bench.quality.makers import Maker

STYLES = ("snake", "camel", "short", "foreign", "meaningless")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``classes`` are all that are right. ``name`` is in English words; ``table`` gives the context."""

    title: str
    classes: frozenset[str]
    name: str
    short: str
    foreign: str
    table: str
    make: Maker
    type: str = "text"
    shaped: bool = False

    def column(self, style: str, number: int) -> tuple[str, str]:
        """(table, column) in that style of naming."""
        english = self.name.split()
        match style:
            case "snake":
                return self.table, "_".join(english)
            case "camel":
                return self.table.title().replace("_", ""), english[0] + "".join(word.title() for word in english[1:])
            case "short":
                return f"t_{self.table[:4]}", self.short
            case "foreign":
                return self.table, self.foreign
            case "meaningless":
                return f"t{number}", f"c{number % 7 + 1}"
            case _:
                raise ValueError(style)


def _kind(
    title: str,
    classes: str,
    name: str,
    short: str,
    foreign: str,
    make: Maker,
    table: str = "customers",
    type: str = "text",
    shaped: bool = False,
) -> Kind:
    return Kind(
        title=title,
        classes=frozenset(classes.split("|")),
        name=name,
        short=short,
        foreign=foreign,
        make=make,
        table=table,
        type=type,
        shaped=shaped,
    )


def _shaped(
    title: str, classes: str, name: str, short: str, foreign: str, make: Maker, table: str = "customers"
) -> Kind:
    return _kind(title, classes, name, short, foreign, make, table, shaped=True)


NATIONAL = "national_id|tax_id|ssn"

KINDS: tuple[Kind, ...] = (
    # Payment
    _shaped("card, Visa", "card", "card number", "cc_no", "kreditkartennummer", m.card(m.VISA, 16), "payments"),
    _shaped(
        "card, grouped",
        "card",
        "credit card",
        "crd_num",
        "numero_carte",
        m.card(m.MASTER, 16, (4, 4, 4, 4), " "),
        "payments",
    ),
    _shaped(
        "card, dashes",
        "card",
        "payment card",
        "ccnum",
        "tarjeta_credito",
        m.card(m.AMEX, 15, (4, 6, 5), "-"),
        "payments",
    ),
    _kind(
        "card, as integer",
        "card",
        "card number",
        "cc_nbr",
        "numero_cartao",
        m.card(m.VISA, 16),
        "payments",
        "int8",
        True,
    ),
    _kind("CVV", "cvv", "cvv", "cvc2", "cryptogramme", m.shape("###"), "payments"),
    _kind("card expiry", "card_expiry", "card expiry", "cc_exp", "card_exp_date", m.shape("0#/2#"), "payments"),
    _shaped(
        "IBAN",
        "iban|bank_account",
        "iban",
        "iban_no",
        "kontonummer",
        m.iban("DE", "FR", "GB", "ES", "NL", "PT"),
        "accounts",
    ),
    _shaped(
        "IBAN, grouped",
        "iban|bank_account",
        "bank account",
        "acct_no",
        "numero_compte",
        m.iban("DE", "FR", "NL", spaced=True),
        "accounts",
    ),
    _kind(
        "account number",
        "bank_account",
        "account number",
        "acct_num",
        "conta_corrente",
        m.shape("########"),
        "accounts",
    ),
    # Numbers of persons
    _shaped("US SSN", "ssn", "social security number", "ssn", "seguro_social", m.ssn()),
    _kind("US SSN, bare", "ssn", "ssn", "soc_sec", "num_secu", m.ssn(""), "employees"),
    _shaped("Brazilian CPF", NATIONAL, "taxpayer id", "cpf", "numero_cpf", m.cpf),
    _shaped("Brazilian CPF, dotted", NATIONAL, "taxpayer number", "cpf_nr", "cpf_cliente", lambda r: m.cpf(r, True)),
    _shaped("Polish PESEL", NATIONAL, "national id", "pesel", "numer_pesel", m.pesel),
    _shaped("Dutch BSN", NATIONAL, "citizen id", "bsn", "burgerservicenummer", m.bsn),
    _shaped("Canadian SIN", NATIONAL, "social insurance number", "sin_nbr", "numero_assurance_sociale", m.sin),
    _shaped("Indian Aadhaar", NATIONAL, "aadhaar number", "aadhaar_no", "aadhaar", m.aadhaar),
    _shaped("German tax id", NATIONAL, "tax identification number", "tax_id", "steuer_id", m.german_tax_id),
    _shaped("Spanish DNI", NATIONAL, "identity number", "dni", "numero_dni", m.dni),
    _shaped("Spanish NIE", NATIONAL, "identity document", "nie", "documento_identidad", m.nie),
    _shaped("codice fiscale", NATIONAL, "fiscal code", "cod_fisc", "codice_fiscale", m.codice_fiscale),
    _shaped("French NIR", NATIONAL, "social security", "nir", "numero_securite_sociale", m.nir),
    _shaped("UK NINO", NATIONAL, "national insurance number", "nino", "ni_number", m.nino, "employees"),
    _shaped("Chinese identity number", NATIONAL, "identity card number", "id_card_no", "shenfenzheng", m.chinese_id),
    _shaped("Mexican CURP", NATIONAL, "national identity", "curp", "clave_curp", m.curp),
    _shaped("Swedish personnummer", NATIONAL, "personal identity number", "pnr", "personnummer", m.personnummer),
    _shaped("Finnish identity code", NATIONAL, "personal identity code", "hetu", "henkilotunnus", m.hetu),
    _shaped("South African id", NATIONAL, "id number", "id_no", "identiteitsnommer", m.south_african_id),
    _shaped("Turkish id", NATIONAL, "citizenship number", "tckn", "tc_kimlik_no", m.turkish_id),
    _shaped("Korean RRN", NATIONAL, "resident registration number", "rrn", "jumin_no", m.korean_rrn),
    _shaped("Singapore NRIC", NATIONAL, "nric number", "nric", "nric_fin", m.nric),
    _shaped("Australian TFN", NATIONAL, "tax file number", "tfn", "tax_file_no", m.tfn),
    _kind(
        "passport", "passport", "passport number", "passport_no", "reisepassnummer", m.shape("@########"), "travelers"
    ),
    _kind(
        "driving licence",
        "driving_licence",
        "drivers license",
        "dl_no",
        "permis_conduire",
        m.shape("@#######"),
        "drivers",
    ),
    # Health
    _shaped(
        "UK NHS number",
        "medical_record|health_insurance|national_id",
        "nhs number",
        "nhs_no",
        "nhs_nummer",
        m.nhs,
        "patients",
    ),
    _shaped("US NPI", "medical_record", "provider npi", "npi", "npi_nummer", m.npi, "providers"),
    _kind(
        "medical record number",
        "medical_record",
        "medical record number",
        "mrn",
        "numero_paciente",
        m.shape("MR######"),
        "patients",
    ),
    _shaped("ICD-10", "health", "diagnosis code", "icd10", "diagnostico", m.pick(*words.CONDITIONS), "visits"),
    _kind(
        "blood group",
        "health",
        "blood type",
        "bld_grp",
        "blutgruppe",
        m.pick("A+", "A-", "B+", "O+", "O-", "AB+", "AB-"),
        "patients",
        shaped=True,
    ),
    _kind("medication", "medication|health", "medication", "rx_name", "medikament", m.pick(*words.DRUGS), "patients"),
    _kind(
        "health insurance number",
        "health_insurance|national_id",
        "health insurance number",
        "ins_card_no",
        "krankenversicherungsnummer",
        m.shape("@#########"),
        "patients",
    ),
    _kind(
        "clinical note",
        "health_text|health",
        "clinical notes",
        "clin_notes",
        "anamnese",
        lambda r: f"Patient reports {r.choice(('pain', 'cough', 'fever'))}, {m.plain_words(6)(r)}",
        "visits",
    ),
    # Persons
    _shaped("e-mail", "email", "email", "eml", "correo_electronico", m.email),
    _kind(
        "e-mail in an array",
        "email",
        "emails",
        "eml_addrs",
        "adresses_email",
        lambda r: "{" + m.email(r) + "," + m.email(r) + "}",
        type="_text",
        shaped=True,
    ),
    _shaped("phone, international", "phone", "phone number", "ph_no", "telefonnummer", m.phone_e164),
    _shaped("phone, North American", "phone", "mobile phone", "mob_ph", "telefone", m.phone_us),
    _shaped("phone, trunk zero", "phone", "contact number", "tel", "numero_telephone", m.phone_local),
    _kind("given name", "given_name|person_name", "first name", "f_name", "vorname", m.given),
    _kind("family name", "family_name|person_name", "last name", "l_name", "apellido", m.family),
    _kind("full name", "person_name", "full name", "cust_nm", "nom_complet", m.full_name),
    _kind("listed name", "person_name", "contact name", "cntct_nm", "ansprechpartner", m.listed_name),
    _kind(
        "user name",
        "username|person_name",
        "username",
        "usr_nm",
        "benutzername",
        lambda r: f"{m.given(r).lower()}{r.randint(1, 99)}",
        "users",
    ),
    _shaped("street, US", "street_address", "street address", "addr_ln_1", "direccion", m.street("us")),
    _shaped("street, German", "street_address", "home address", "str_nr", "strasse", m.street("de")),
    _shaped("street, French", "street_address", "billing address", "bill_addr", "adresse_postale", m.street("fr")),
    _shaped("street, Portuguese", "street_address", "shipping address", "ship_addr", "endereco", m.street("pt")),
    _kind("city", "city", "city", "cty", "ville", lambda r: r.choice(words.CITIES)),
    _kind("postal code", "postcode", "postal code", "zip_cd", "plz", m.shape("#####")),
    _kind("birth date", "birth_date", "date of birth", "dob", "geburtsdatum", m.date(), type="date"),
    _kind(
        "birth date as text",
        "birth_date",
        "birth date",
        "brth_dt",
        "fecha_nacimiento",
        m.date("{2:02d}/{1:02d}/{0:04d}"),
    ),
    _kind(
        "birth year",
        "birth_year|birth_date",
        "birth year",
        "yob",
        "annee_naissance",
        lambda r: str(m.birth(r)[0]),
        type="int4",
    ),
    _kind("age", "age", "age", "age_yrs", "edad", lambda r: str(r.randint(18, 95)), "patients", "int4"),
    _kind("gender", "gender", "gender", "sex", "geschlecht", m.pick("male", "female", "diverse"), shaped=True),
    _kind(
        "nationality",
        "nationality",
        "nationality",
        "natlty",
        "staatsangehoerigkeit",
        m.pick("German", "French", "Dutch", "Polish"),
    ),
    _kind(
        "marital status",
        "marital_status",
        "marital status",
        "mar_stat",
        "estado_civil",
        m.pick("single", "married", "divorced"),
    ),
    _kind(
        "salary",
        "income",
        "annual salary",
        "sal_amt",
        "gehalt",
        lambda r: str(r.randint(21, 190) * 1000),
        "employees",
        "numeric",
    ),
    _kind(
        "credit score",
        "credit_score",
        "credit score",
        "fico",
        "schufa_score",
        lambda r: str(r.randint(300, 850)),
        type="int4",
    ),
    _kind("licence plate", "vehicle", "license plate", "plate_no", "kennzeichen", m.shape("@@-@@ ####"), "vehicles"),
    # Special categories
    _kind(
        "religion",
        "religion",
        "religion",
        "relig",
        "konfession",
        m.pick("catholic", "protestant", "muslim", "none"),
        "employees",
    ),
    _kind(
        "ethnicity",
        "ethnicity",
        "ethnicity",
        "ethn_grp",
        "origine_ethnique",
        m.pick("asian", "black", "white", "mixed"),
        "patients",
    ),
    _kind(
        "sexual orientation",
        "orientation",
        "sexual orientation",
        "sex_orient",
        "orientacion_sexual",
        m.pick("straight", "gay", "bi"),
        "users",
    ),
    # Devices
    _shaped("IPv4", "ip_address", "ip address", "ip_addr", "adresse_ip", m.ipv4, "sessions"),
    _shaped("IPv6", "ip_address", "client ip", "cl_ip", "ip_adresse", m.ipv6, "sessions"),
    _shaped("MAC address", "mac_address", "mac address", "mac_addr", "direccion_mac", m.mac, "devices"),
    _shaped("IMEI", "device_id", "imei", "imei_no", "numero_imei", m.imei, "devices"),
    _kind(
        "latitude", "geo", "latitude", "lat", "breitengrad", lambda r: f"{r.uniform(-60, 60):.6f}", "users", "float8"
    ),
    # Secrets
    _shaped(
        "bcrypt hash",
        "password_hash|password",
        "password hash",
        "pwd_hash",
        "mot_de_passe",
        lambda r: f"$2b$12${m.some(r, m.ALNUM + './', 53)}",
        "users",
    ),
    _shaped(
        "argon2 hash",
        "password_hash|password",
        "passwd",
        "psswd",
        "contrasena",
        lambda r: f"$argon2id$v=19$m=65536,t=3,p=4${m.some(r, m.ALNUM, 22)}${m.some(r, m.ALNUM, 43)}",
        "users",
    ),
    _kind(
        "password", "password|password_hash", "password", "pwd", "passwort", lambda r: m.some(r, m.ALNUM, 10), "users"
    ),
    _shaped(
        "Stripe key",
        "api_token|secret",
        "stripe secret key",
        "stripe_sk",
        "clave_api",
        lambda r: f"sk_live_{m.some(r, m.ALNUM, 24)}",
        "settings",
    ),
    _shaped("GitHub token", "api_token|secret", "github token", "gh_tok", "jeton_github", m.github_token, "settings"),
    _shaped(
        "AWS key id",
        "api_token|secret",
        "aws access key id",
        "aws_key",
        "cle_aws",
        lambda r: f"AKIA{m.some(r, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}",
        "settings",
    ),
    _shaped(
        "Slack token",
        "api_token|secret",
        "slack bot token",
        "slack_tok",
        "slack_schluessel",
        lambda r: f"xoxb-{m.digits(r, 11)}-{m.digits(r, 12)}-{m.some(r, m.ALNUM, 24)}",
        "settings",
    ),
    _kind(
        "random API key",
        "api_token|secret",
        "api key",
        "api_ky",
        "api_schluessel",
        lambda r: m.some(r, m.ALNUM, 40),
        "clients",
    ),
    _shaped("JSON web token", "jwt|api_token|secret", "access token", "acc_tok", "zugangstoken", m.jwt, "sessions"),
    _shaped("private key", "private_key|secret", "private key", "priv_key", "cle_privee", m.pem, "certificates"),
    _shaped("URL with a password", "dsn|secret", "database url", "db_url", "cadena_conexion", m.dsn, "settings"),
    _shaped("keyword DSN", "dsn|secret", "connection string", "conn_str", "verbindung", m.keyword_dsn, "settings"),
    # Wallets
    _shaped("Bitcoin address", "crypto_wallet", "bitcoin address", "btc_addr", "adresse_bitcoin", m.wallet_base58),
    _shaped("Bitcoin address, bech32", "crypto_wallet", "wallet address", "wlt_addr", "wallet_adresse", m.bech32),
    _shaped(
        "Ethereum address",
        "crypto_wallet",
        "ethereum address",
        "eth_addr",
        "eth_adresse",
        lambda r: "0x" + m.some(r, m.HEX, 40),
    ),
    # Documents
    _kind(
        "JSON with a person",
        "personal_json",
        "payload",
        "pyld",
        "daten",
        lambda r: f'{{"id":{r.randrange(9999)},"customer":{{"email":"{m.email(r)}","plan":"x"}}}}',
        "events",
        "jsonb",
        True,
    ),
)


def values(kind: Kind, count: int, chance: Random) -> tuple[str, ...]:
    """What a sample of the column holds."""
    return tuple(kind.make(chance) for _ in range(count))
