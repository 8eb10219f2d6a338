from typing import final

from govproxy._fastpath.masknodes import Container

class Parted(Container): ...

@final
class Array(Parted): ...

@final
class Record(Parted): ...

@final
class Range(Parted): ...
