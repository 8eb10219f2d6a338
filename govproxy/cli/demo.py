"""``govproxy demo``: asks for the extra it needs, then hands over to ``govproxy.demo``."""

from __future__ import annotations

import importlib.util

from govproxy.cli.output import console
from govproxy.errors import ConfigError


def run(*, port: int | None, console_port: int | None, tour_only: bool) -> None:
    """Exit status 0 when every step of the tour did what it says."""
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError("the demo needs psycopg", hint="pip install 'govproxy[demo]'")
    from govproxy.demo.run import run as run_demo

    try:
        succeeded = run_demo(console(), port=port, console_port=console_port, tour_only=tour_only)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(0 if succeeded else 1)
