from typing import final

@final
class Sinks: ...
