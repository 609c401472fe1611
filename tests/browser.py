"""A headless Chromium, whose console and requests are watched."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def started(*words: str, downloads: str = "") -> Iterator[Any]:
    """Starts it; where it is not installed the test is skipped, but fails where CI is set.

    Args:
        words: more of its arguments.
        downloads: the folder that it saves files in.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        no = pytest.fail if os.environ.get("CI") else pytest.skip
        no("chromium and chromedriver are not installed")
    from selenium import webdriver  # of the extra "test", as pytest is

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    every = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for word in (*every, *words):
        options.add_argument(word)
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": downloads})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def opened(browser: Any, url: str, width: int = 1280, theme: str = "light") -> None:
    """Opens a page on a screen of so many pixels, in a light or a dark theme."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what an earlier page left
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(url)


def check_clean(browser: Any, url: str, width: int) -> None:
    """No error on the console, no request to elsewhere, nothing beyond the screen's edge."""
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert any(each.startswith(url) for each in urls)  # else nothing was watched
    assert [each for each in urls if not each.startswith((url, "data:", f"blob:{url}"))] == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
