from typing import final

@final
class Inquiry: ...
