"""One arena for all attacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.arena import Arena, open_arena
from tests.support.proxy import Databases


@pytest.fixture(scope="package")
def arena(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """See ``open_arena``. A crash of proxy or worker fails the run at its end."""
    with open_arena(databases, tmp_path_factory.mktemp("arena")) as opened:
        yield opened
