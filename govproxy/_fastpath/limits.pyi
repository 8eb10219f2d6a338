from typing import Self, final

@final
class Limits:
    def __new__(cls, *, rows: int = 0, size_bytes: int = 0, changed: int = 0) -> Self: ...
    @property
    def rows(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def changed(self) -> int: ...
    @property
    def undoes(self) -> bool: ...

@final
class Quota:
    left: int
    until_ns: int
    refused_until_ns: int
    def __new__(cls) -> Self: ...
