from typing import final

from govproxy._fastpath.maskkeys import Document

@final
class Pairs(Document): ...
