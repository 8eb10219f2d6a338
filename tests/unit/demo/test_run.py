"""What the demo prints for whoever tries it."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from govproxy.config.loader import load
from govproxy.demo import files, run
from govproxy.session.rules import token_verifier


def test_a_newcomer_can_open_the_approvals_page(tmp_path: Path) -> None:
    config = files.write_files(
        tmp_path, port=6432, console_port=6480, upstream_host="127.0.0.1", upstream_port=5432, login_password="x"
    )
    demo = run.Demo(
        postgres=cast(Any, None), proxy=cast(Any, None), config=config, port=6432, tokens=run._mint_tokens(config)
    )
    written = io.StringIO()
    run._print_connections(Console(file=written, width=60), demo)
    lines = written.getvalue().splitlines()
    assert "http://127.0.0.1:6480/approvals" in lines
    # The token stands on a line of its own, whole, and is of somebody who may decide.
    token = lines[lines.index("sign in there with this token:") + 1]
    tokens = token_verifier(load(config), now=time.time)
    assert tokens is not None
    person = tokens.verify(token)
    assert (person.user, person.groups, person.agent) == (files.LEAD.user, frozenset(files.LEAD.groups), None)
    assert sum(line.startswith("psql ") for line in lines) == len(files.PEOPLE)
