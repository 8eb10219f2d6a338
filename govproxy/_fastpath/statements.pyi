from typing import final

@final
class PreparedStatement: ...

@final
class Portal: ...
