"""Fixtures that every test may use; each kind lives in its own module of ``tests.support``."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.postgres", "tests.support.proxy", "tests.support.browser"]

# The same examples in every run, and none that fails because the machine is busy. To look for others:
# GOVPROXY_TEST_EXPLORE=1 make test.
settings.register_profile("settled", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("exploring" if os.environ.get("GOVPROXY_TEST_EXPLORE") else "settled")


def pytest_configure(config: pytest.Config) -> None:
    """Proxies and commands are processes of their own: where none keeps bytecode, each would compile all it imports."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        kept = tempfile.TemporaryDirectory(prefix="govproxy-tests-")
        os.environ["PYTHONPYCACHEPREFIX"] = kept.name
        config.add_cleanup(kept.cleanup)
