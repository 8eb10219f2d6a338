from typing import final

@final
class ReplyQueue:
    def __len__(self) -> int: ...
    @property
    def count(self) -> int: ...
