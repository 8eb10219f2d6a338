from collections.abc import Callable, Iterable, Mapping
from typing import Self, final

@final
class CopyGuard:
    def __new__(
        cls,
        *,
        format: str,
        delimiter: bytes,
        quote: bytes,
        escape: bytes,
        watched: Mapping[int, tuple[str, Callable[[bytes], bool]]],
    ) -> Self: ...
    @property
    def format(self) -> int: ...
    @property
    def watched(self) -> Mapping[int, tuple[str, Callable[[bytes], bool]]]: ...

@final
class CopyReader:
    def __new__(cls, guard: CopyGuard) -> Self: ...
    @property
    def found(self) -> str | None: ...
    def apply(self, chunks: Iterable[bytes]) -> str | None: ...
