from typing import final

from govproxy._fastpath.maskkeys import Nested

@final
class Json(Nested): ...
