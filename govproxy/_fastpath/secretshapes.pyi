TOKEN_TABLE: tuple[tuple[bytes, int, int, int], ...]
