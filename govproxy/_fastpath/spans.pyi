KIND_NAMES: dict[int, str]
