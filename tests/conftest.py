"""Fixtures that every test may use; each kind lives in its own module of ``tests.support``."""

from __future__ import annotations

pytest_plugins = ["tests.support.postgres", "tests.support.proxy", "tests.support.browser"]
