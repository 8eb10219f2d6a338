"""Fixtures that every test may use; each kind lives in its own module of ``tests.support``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.postgres", "tests.support.proxy", "tests.support.browser"]

# The same examples in every run, and none that fails because the machine is busy. To look for others:
# GOVPROXY_TEST_EXPLORE=1 make test.
settings.register_profile("settled", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("exploring" if os.environ.get("GOVPROXY_TEST_EXPLORE") else "settled")
