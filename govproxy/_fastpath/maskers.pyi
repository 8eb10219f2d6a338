OPERATIONS: dict[str, int]
FAMILIES: dict[str, int]
STYLES: dict[str, int]
