from typing import final

@final
class Folder:
    def shape_of(self, text: bytes) -> tuple[bytes, list[tuple[int, int]]] | None: ...
