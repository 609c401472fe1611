"""The page of people found, as text and in a real browser."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.clustering import ClusteredFace, Clusters
from maskedface.clustering.clusters import folder_name
from maskedface.clustering.page import page_of
from maskedface.images.data_uri import as_data_uri
from tests.browser import check_clean, opened, started

# Two people on two photographs each, and two faces seen once, of which one wears a mask.
PEOPLE = ["person 001", "person 002", "person 001", "person 002", "person 003", "person 004"]


def clusters(*, path: str = "photo") -> Clusters:
    faces = tuple(
        ClusteredFace(f"{path}{n}.jpg", "0" * 64, (0.0, 0.0, 9.0, 9.0), 0.9 * (n == 4), person)
        for n, person in enumerate(PEOPLE)
    )
    nearest = {"person 003": "person 001"}
    return Clusters(faces, nearest=nearest, settings={"far": 0.001})


def page(found: Clusters) -> str:
    pictures = {
        n: as_data_uri(np.full((20, 20, 3), 40 * n, "uint8")) for n in range(len(found.faces))
    }
    return page_of(found, pictures, "people")


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    with started(downloads=str(downloads)) as found:
        yield found


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "people.html").write_text(page(clusters()), encoding="utf-8")
    return (tmp_path / "people.html").as_uri()


def test_the_one_script_is_the_only_one_that_may_run() -> None:
    text = page(clusters())
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text and "{{" not in text.replace(script, "")


def test_a_paths_name_ends_no_script() -> None:
    text = page(clusters(path="</script><script>alert(1)</script>"))
    assert text.count("<script") == 2 and text.count("</script") == 2


def test_the_data_come_back_whole() -> None:
    found = clusters(path="</script>{{ SCRIPT }}")
    text = page(found)
    (data,) = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', text)
    facts = json.loads(data)
    assert facts["file"]["faces"][0]["path"] == "</script>{{ SCRIPT }}0.jpg"
    assert len(facts["pictures"]) == len(PEOPLE)


def section(browser: Any, name: str) -> Any:
    return browser.find_element("css selector", f'section[aria-label="{name}"]')


def rename(browser: Any, old: str, new: str) -> None:
    field = section(browser, old).find_element("css selector", "input")
    field.send_keys(new + "\ue007")  # and Enter


def press(browser: Any, name: str, words: str) -> None:
    buttons = section(browser, name).find_elements("css selector", "button")
    (button,) = [one for one in buttons if words in (one.accessible_name or one.text)]
    browser.execute_script("arguments[0].click()", button)


def saved(browser: Any, downloads: Path) -> Clusters:
    from selenium.webdriver.support.ui import WebDriverWait

    path = downloads / "people-named.json"
    path.unlink(missing_ok=True)
    browser.find_element("id", "save").click()
    # Chromium takes the name with an empty file first, and renames the whole one over it.
    WebDriverWait(browser, 30, 0.1).until(lambda _: path.exists() and path.stat().st_size)
    return Clusters.load(path)


# A browser opens the page.
@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_people_are_named_merged_and_saved(
    browser: Any, downloads: Path, url: str, width: int, theme: str
) -> None:
    opened(browser, url, width, theme)
    rename(browser, "person 001", "Zoë")
    rename(browser, "person 002", "Bob")
    rename(browser, "person 004", "Bob")  # the same person
    press(browser, "person 003", "Same as Zoë")
    check_clean(browser, url, width)
    found = saved(browser, downloads)
    assert [face.person for face in found.faces] == ["Zoë", "Bob", "Zoë", "Bob", "Zoë", "Bob"]
    assert [dataclasses.replace(face, person="") for face in found.faces] == [
        dataclasses.replace(face, person="") for face in clusters().faces
    ]


@pytest.mark.browser
@pytest.mark.parametrize("name", ["Ada <i>", "a\\b", ".Ada", "Ada.", "é" * 128])
def test_a_name_that_no_folder_can_have_is_refused_as_in_python(
    browser: Any, url: str, name: str
) -> None:
    with pytest.raises(ValueError, match="must be a folder's") as refused:
        folder_name(name)
    opened(browser, url)
    rename(browser, "person 001", name)
    said = browser.find_element("id", "status").text
    assert said.endswith(f"Received: {name}")
    assert said.partition(":")[2].partition("Received")[0] in str(refused.value)


@pytest.mark.browser
def test_faces_are_taken_out_and_left_out(browser: Any, downloads: Path, url: str) -> None:
    opened(browser, url)
    press(browser, "person 001", "Take face 1 out of person 001")
    press(browser, "person 002", "Leave person 002 out")
    people = [face.person for face in saved(browser, downloads).faces]
    assert people == ["taken out 001", "", "person 001", "", "person 003", "person 004"]
    press(browser, "Left out", "Put back")
    people = [face.person for face in saved(browser, downloads).faces]
    assert people[1] == people[3] == "taken out 002"


@pytest.mark.browser
def test_a_mask_is_told_and_every_face_is_described(browser: Any, url: str) -> None:
    opened(browser, url)
    words = [image.get_attribute("alt") for image in browser.find_elements("css selector", "img")]
    assert len(words) == len(PEOPLE) and "person 003, face 5, masked" in words
    assert section(browser, "person 003").find_element("css selector", ".mask").text == "masked"
