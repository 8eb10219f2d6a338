"""The words that the sample data is made of. Own lists, so that nothing is fetched or installed."""

from __future__ import annotations


def _words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


FIRST_NAMES = _words(
    "Ada Aisha Alejandro Amara Amelia Ana Anders Anika Antonio Aylin Beatriz Bojan Carla Chen Chidi Clara Daniel Deepa "
    "Dimitri Eleni Elif Emil Emma Esther Farid Fatima Felix Freya Gabriel Grace Hana Hannah Hiro Ines Ingrid Isaac "
    "Ivana Jakub Jamal Jana Joao Jonas Julia Kaito Karim Katya Kenji Laila Lars Leila Lena Leo Liam Lucia Luka Mads "
    "Maja Malik Marco Maria Mateo Mei Mila Mina Mohamed Nadia Naomi Nia Nikola Noah Noor Olga Oliver Omar Paula Petra "
    "Priya Rafael Ravi Rosa Ruth Samir Sara Selma Sofia Stefan Sven Tariq Thea Tomas Uma Vera Viktor Wei Yara Yusuf "
    "Zainab Zoe"
)

LAST_NAMES = _words(
    "Abebe Adler Ahmed Almeida Andersen Aoki Bakker Banerjee Barros Becker Bianchi Bjork Brandt Brown Castro Chavez "
    "Chen Cohen Costa Dahl Das Diaz Dimitrov Dubois Eriksen Estrada Fischer Fontaine Fujita Garcia Gomez Gruber Gupta "
    "Haddad Hansen Hassan Hernandez Horvat Ibrahim Ito Ivanova Jansen Jensen Johnson Jovanovic Kaminski Kaya Keller "
    "Khan Kim Klein Kovacs Kowalski Kumar Larsen Laurent Lehmann Lindqvist Lopez Marino Martin Mbeki Meyer Mishra "
    "Moreau Mori Murphy Nakamura Navarro Nguyen Novak Nowak Okafor Olsen Osei Park Patel Pereira Petrov Popescu Quinn "
    "Rahman Ramos Rossi Santos Sato Schmidt Silva Singh Smith Sokolov Suzuki Tanaka Thapa Torres Vargas Vogel Walker "
    "Weber Yilmaz Zhang Zimmermann"
)

# All of these names are reserved for documentation: nobody gets mail sent to them.
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")

STREETS = _words(
    "Birch Lane,Canal Street,Castle Road,Cedar Avenue,Chestnut Way,Church Street,Elm Street,Garden Row,Harbour View,"
    "High Street,Hill Road,Kings Road,Lake Drive,Linden Alley,Maple Street,Market Square,Mill Lane,Oak Avenue,"
    "Orchard Close,Park Road,River Walk,Rose Street,School Lane,Station Road,Sunset Boulevard,Willow Court",
    ",",
)

# (city, country, shape of a postcode: 9 a digit, A a letter)
CITIES = (
    ("Amsterdam", "NL", "9999 AA"),
    ("Barcelona", "ES", "99999"),
    ("Berlin", "DE", "99999"),
    ("Boston", "US", "99999"),
    ("Chicago", "US", "99999"),
    ("Copenhagen", "DK", "9999"),
    ("Dublin", "IE", "A99 AA99"),
    ("Lisbon", "PT", "9999-999"),
    ("London", "GB", "AA9 9AA"),
    ("Lyon", "FR", "99999"),
    ("Madrid", "ES", "99999"),
    ("Manchester", "GB", "AA9 9AA"),
    ("Milan", "IT", "99999"),
    ("Munich", "DE", "99999"),
    ("Paris", "FR", "99999"),
    ("Portland", "US", "99999"),
    ("Seattle", "US", "99999"),
    ("Stockholm", "SE", "999 99"),
    ("Vienna", "AT", "9999"),
    ("Warsaw", "PL", "99-999"),
)

PRODUCT_KINDS = (
    ("kitchen", _words("Kettle Toaster Pan Whisk Teapot Grater Colander Ladle")),
    ("garden", _words("Trowel Rake Hose Lantern Planter Gloves Shears Barrow")),
    ("office", _words("Lamp Stapler Notebook Desk Chair Binder Easel Clock")),
    ("outdoor", _words("Tent Rucksack Compass Flask Hammock Stove Torch Tarp")),
    ("toys", _words("Puzzle Kite Marbles Yo-yo Blocks Train Doll Drum")),
)
PRODUCT_QUALITIES = _words("Plain Sturdy Folding Copper Oak Enamel Compact Grand Quiet Woven")
PRODUCT_TAGS = _words("new sale handmade recycled bestseller gift")

REVIEW_OPENINGS = (
    "Exactly what I needed.",
    "Arrived a day early.",
    "A little smaller than it looks.",
    "Bought it as a gift.",
    "Third one in this family.",
    "The colour is not as pictured.",
    "Works well so far.",
)
REVIEW_ENDINGS = (
    "Would buy again.",
    "The box was damaged, the content was fine.",
    "My neighbour wants one now.",
    "Sent it back, no questions asked.",
    "Good value.",
)

# (ICD-10 code and its words)
DIAGNOSES = (
    "E11.9 Type 2 diabetes mellitus",
    "F32.1 Moderate depressive episode",
    "G43.0 Migraine without aura",
    "I10 Essential hypertension",
    "J06.9 Acute upper respiratory infection",
    "J45.9 Asthma",
    "K21.0 Reflux disease with oesophagitis",
    "L20.9 Atopic dermatitis",
    "M54.5 Low back pain",
    "N39.0 Urinary tract infection",
    "R51 Headache",
    "Z00.0 General medical examination",
)
FINDINGS = (
    "Reports fewer symptoms than last time.",
    "Slept badly all week.",
    "Blood pressure within limits.",
    "Asks for a second opinion.",
    "Dose raised, control in four weeks.",
    "No side effects so far.",
    "Referred to the specialist.",
)

TITLES = (
    ("Warehouse associate", 31_000, 42_000),
    ("Support agent", 33_000, 47_000),
    ("Accountant", 45_000, 70_000),
    ("Software engineer", 62_000, 118_000),
    ("Data analyst", 52_000, 88_000),
    ("Physician", 95_000, 180_000),
    ("Nurse", 41_000, 66_000),
    ("Team lead", 80_000, 130_000),
)
