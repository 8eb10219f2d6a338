"""A headless Chromium for tests of pages. Nothing is downloaded: browser and driver are the machine's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PHONE = (360, 740)
DESKTOP = (1280, 860)
FLAGS = (
    "--headless=new",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page under test reaches this machine and nothing else.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-proxy-server",
)

Browser = webdriver.Chrome


def find() -> tuple[str, str]:
    """(browser, driver); skips the test where either is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no Chromium with its driver (Debian: chromium chromium-driver)")
    return browser, driver


@pytest.fixture(scope="session")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Browser]]:
    """Opens browsers: ``open_browser((360, 740))``, dark with ``dark=True``. They are closed at the end."""
    browser, driver = find()
    with ExitStack() as stack:

        def begin(size: tuple[int, int] = PHONE, *, dark: bool = False) -> Browser:
            options = Options()
            options.binary_location = browser
            for flag in FLAGS:
                options.add_argument(flag)
            options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
            if os.geteuid() == 0:
                options.add_argument("--no-sandbox")  # Chromium refuses to run as root otherwise
            options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
            made = webdriver.Chrome(options=options, service=Service(executable_path=driver))
            stack.callback(made.quit)
            resize(made, size, dark=dark)
            return made

        yield begin


def resize(browser: Browser, size: tuple[int, int], *, dark: bool = False) -> None:
    """The page's own size, and the colours its reader prefers."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def complaints(browser: Browser) -> list[dict[str, Any]]:
    """What the browser has complained of since the last call: errors of scripts, refused loads, the policy."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


def screenshot(browser: Browser, name: str) -> None:
    """Keeps a picture where GOVPROXY_SCREENSHOTS says, for whoever wants to look."""
    folder = os.environ.get("GOVPROXY_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
