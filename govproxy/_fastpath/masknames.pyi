GIVEN: str
SURNAMES: str
CITIES: str
STREETS: str
SCRIPTS: dict[str, tuple[str, str]]
KINDS: frozenset[str]
