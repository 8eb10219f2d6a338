from asyncio import AbstractEventLoop
from typing import final

from govproxy._fastpath.epoll import EpollReadiness

def available(loop: AbstractEventLoop) -> bool: ...

@final
class UvReadiness(EpollReadiness):
    def __init__(self, loop: AbstractEventLoop) -> None: ...
