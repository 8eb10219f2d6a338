from collections.abc import Callable
from typing import final

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.masknodes import Container

@final
class Leaf:
    def __init__(self, text: ColumnPlan, number: ColumnPlan) -> None: ...

@final
class KeyFact:
    def __init__(self, leaf: Leaf | None = None, *, hidden: bool = False, about: int = -1) -> None: ...
    @property
    def leaf(self) -> Leaf | None: ...
    @property
    def hidden(self) -> bool: ...
    @property
    def about(self) -> int: ...

@final
class KeyRules:
    def __init__(
        self, judge: Callable[[str, int], KeyFact], *, key: bytes, root: Leaf | None = None, keeps: bool = False
    ) -> None: ...

class Document(Container): ...
class Nested(Document): ...
