"""The page in a real browser, whose camera shows a drawn person: enroll, identify, compare, forget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import check_clean, opened, started
from tests.serving.services import TOKEN, Running, jpeg, scene

pytestmark = pytest.mark.long  # each test shares a running service

WAIT = 30
SIZES = [pytest.param(360, id="phone"), pytest.param(1280, id="desktop")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, whose camera shows person 0."""
    video = tmp_path_factory.mktemp("camera") / "person.mjpeg"
    video.write_bytes(jpeg(scene(0)) * 20)
    words = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with started(*words, f"--use-file-for-fake-video-capture={video}") as found:
        yield found


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, str]:
    """Files of drawn people."""
    made = {}
    for name, image in {
        "one": scene(1),
        "two": scene(2),
        "both": scene(1, 2),
        "masked": scene(3, masked=True),
        "new": scene(21),
        "again": scene(21),
    }.items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(jpeg(image))
        made[name] = str(path)
    return made


class Page:
    """The page as somebody uses it."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser, self.url = browser, url

    def open(self, width: int = 1280, theme: str = "light", path: str = "/") -> None:
        opened(self.browser, self.url + path, width, theme)
        self.until("return document.documentElement.dataset.ready === 'yes'")

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(script, *values)

    def until(self, script: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        def there(browser: Any) -> bool:
            return bool(browser.execute_script(script))

        words = "return document.getElementById('error')?.textContent"
        try:
            WebDriverWait(self.browser, WAIT, 0.1).until(there)
        except Exception as error:
            raise AssertionError(f"{script}: {self.run(words)!r}") from error

    def find(self, css: str) -> Any:
        return self.browser.find_element("css selector", css)

    def view(self, name: str) -> None:
        self.find(f"nav [data-view={name}]").click()

    def text(self, css: str) -> str:
        return str(self.find(css).text)

    def says(self, css: str, words: str) -> None:
        self.until(f"return document.querySelector({css!r}).textContent.includes({words!r})")

    def check_clean(self, width: int) -> None:
        """No error on the console, no request to elsewhere, nothing beyond the screen's edge."""
        check_clean(self.browser, self.url, width)


@pytest.fixture
def page(browser: Any, open_service: Running) -> Page:
    return Page(browser, open_service.url)


@pytest.mark.browser
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_person_is_enrolled_named_compared_and_forgotten(
    page: Page, photos: dict[str, str], width: int, theme: str
) -> None:
    name = f"Zoë <i>{theme}</i> {width}"
    page.open(width, theme)
    page.view("enroll")
    page.find("#enroll-name").send_keys(name)
    page.find("#enroll-files").send_keys(f"{photos['new']}\n{photos['again']}")
    page.until("return document.querySelectorAll('#enroll-list img').length === 2")
    page.find("#enroll-consent").click()
    page.find("#enroll-send").click()
    page.says("#status", f"{name} is enrolled with 2 photographs.")
    page.check_clean(width)

    page.view("identify")
    page.find("#identify-file").send_keys(photos["new"])
    page.says("#faces", f"probably {name}")
    assert "wears no mask" in page.text("#faces")
    assert page.text("#boxes .box") == name
    left, top, wide, high = page.run(
        "const b = document.querySelector('.box').getBoundingClientRect(), "
        "s = document.getElementById('shown').getBoundingClientRect();"
        "return [(b.left - s.left) / s.width, (b.top - s.top) / s.height, "
        "b.width / s.width, b.height / s.height]"
    )
    assert 0.3 < left < 0.5 and 0.2 < top < 0.5 and 0.1 < wide < 0.4 and 0.2 < high < 0.6
    page.check_clean(width)

    page.view("compare")
    page.find("#first-file").send_keys(photos["new"])
    page.find("#second-file").send_keys(photos["new"])
    page.find("#compare-send").click()
    page.says("#verdict", "probably the same person")
    page.find("#second-file").send_keys(photos["two"])
    page.until("return document.getElementById('verdict').textContent === ''")
    page.find("#compare-send").click()
    page.says("#verdict", "probably different people")
    page.check_clean(width)

    page.view("people")
    page.says("#people-list", f"{name} (2 photographs)")
    page.find("#people-filter").send_keys("zoë")
    page.until("return document.querySelectorAll('#people-list li').length === 1")
    page.find("#people-list button").click()
    page.says("#forget-text", name)
    page.find("#forget-no").click()
    page.says("#people-list", name)
    page.find("#people-list button").click()
    page.find("#forget-yes").click()
    page.says("#status", f"{name} was removed.")
    assert name not in page.text("#people-list")
    page.check_clean(width)


@pytest.mark.browser
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_camera_names_and_enrolls(page: Page, width: int, theme: str) -> None:
    page.open(width, theme)
    page.find("#camera-start").click()
    page.says("#faces", "probably person 0")
    page.until("return document.querySelectorAll('#boxes .box.good').length === 1")
    assert page.run("return document.getElementById('video').videoWidth") > 0
    page.check_clean(width)
    page.find("#camera-stop").click()
    assert page.run("return document.getElementById('video').srcObject") is None
    page.view("enroll")
    page.find("#enroll-name").send_keys("Camera")
    page.find("#enroll-camera").click()
    page.until("return document.getElementById('enroll-video').videoWidth > 0")
    page.until("return !document.getElementById('enroll-take').hidden")
    page.find("#enroll-take").click()
    page.until("return document.querySelectorAll('#enroll-list img').length === 1")
    page.find("#enroll-consent").click()
    page.find("#enroll-send").click()
    page.says("#status", "Camera is enrolled with 1 photograph.")
    page.view("people")
    page.says("#people-list", "Camera (1 photograph)")
    page.find("[aria-label='Remove Camera']").click()
    page.find("#forget-yes").click()
    page.says("#status", "Camera was removed.")
    page.check_clean(width)


@pytest.mark.browser
def test_several_faces_and_masks_are_told(page: Page, photos: dict[str, str]) -> None:
    page.open()
    page.find("#identify-file").send_keys(photos["both"])
    page.until("return document.querySelectorAll('#faces li').length === 2")
    assert len(page.browser.find_elements("css selector", "#boxes .box")) == 2
    page.find("#identify-file").send_keys(photos["masked"])
    page.says("#faces", "wears a mask")


@pytest.mark.browser
def test_what_is_missing_is_said(page: Page, photos: dict[str, str]) -> None:
    page.open()
    page.view("enroll")
    page.find("#enroll-send").click()
    page.says("#error", "Enter a name.")
    page.find("#enroll-name").send_keys("Eve")
    page.find("#enroll-send").click()
    page.says("#error", "Add a photograph.")
    page.find("#enroll-files").send_keys(photos["new"])
    page.until("return document.querySelectorAll('#enroll-list img').length === 1")
    page.find("#enroll-send").click()
    page.says("#error", "needs a person's consent")
    page.view("people")
    page.says("#people-list", "person 0")
    assert "Eve" not in page.text("#people-list")


@pytest.mark.browser
def test_it_is_used_by_the_keyboard_alone(page: Page, photos: dict[str, str]) -> None:
    from selenium.webdriver import ActionChains, Keys

    page.open()
    reached = []
    for _ in range(12):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        reached.append(
            page.run("return document.activeElement.id || document.activeElement.dataset.view")
        )
    wanted = ["identify", "enroll", "compare", "people", "identify-file", "camera-start"]
    assert [one for one in reached if one in wanted][:6] == wanted
    page.find("[data-view=enroll]").send_keys(Keys.ENTER)
    page.find("#enroll-name").send_keys("Keys")
    page.find("#enroll-files").send_keys(photos["new"])
    page.until("return document.querySelectorAll('#enroll-list img').length === 1")
    page.find("#enroll-consent").send_keys(Keys.SPACE)
    page.find("#enroll-name").send_keys(Keys.ENTER)
    page.says("#status", "Keys is enrolled with 1 photograph.")
    page.find("[data-view=people]").send_keys(Keys.ENTER)
    page.says("#people-list", "Keys (1 photograph)")
    page.find("[aria-label='Remove Keys']").send_keys(Keys.ENTER)
    page.until("return document.getElementById('forget').open")
    ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
    page.until("return !document.getElementById('forget').open")
    assert "Keys" in page.text("#people-list")
    page.find("[aria-label='Remove Keys']").send_keys(Keys.ENTER)
    page.find("#forget-yes").send_keys(Keys.ENTER)
    page.says("#status", "Keys was removed.")


CONTRAST = """
const light = (color) => {
  const [r, g, b] = color.match(/[0-9.]+/g).map(Number)
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const back = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (!color.endsWith(', 0)')) return color;
  }
};
return [...document.querySelectorAll('h1, h2, p, label, button, span, a, li, input')]
  .filter((one) => one.offsetParent && one.textContent.trim())
  .map((one) => {
    const [high, low] = [light(getComputedStyle(one).color), light(back(one))].sort((a, b) => b - a);
    return [one.textContent.trim().slice(0, 30), (high + 0.05) / (low + 0.05)];
  });
"""


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_every_control_has_a_name(page: Page, theme: str) -> None:
    page.open(360, theme)
    dark = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, dark[4:-1].split(", "))) < 200) == (theme == "dark")
    for view in ("identify", "enroll", "compare", "people"):
        page.view(view)
        found = page.run(CONTRAST)
        assert found and not [one for one in found if one[1] < 4.5]
        for control in page.browser.find_elements("css selector", "button, input, a, video"):
            if control.is_displayed():
                assert control.accessible_name, control.get_attribute("outerHTML")
                if control.tag_name == "button":
                    assert control.size["height"] >= 44


@pytest.mark.browser
def test_the_apis_page_is_made_from_local_files(page: Page) -> None:
    page.open(360, path="/v1/docs")
    assert "POST /v1/identify" in page.text("#paths") and "curl -X POST" in page.text("#paths")
    page.check_clean(360)


@pytest.mark.browser
def test_a_service_that_wants_a_token_is_asked_with_it(
    browser: Any, strict_service: Running, photos: dict[str, str]
) -> None:
    page = Page(browser, strict_service.url)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(page.url)
    page.until("return document.getElementById('token').open")
    page.find("#token-value").send_keys(TOKEN)
    page.find("#token-send").click()
    page.until("return document.documentElement.dataset.ready === 'yes'")
    page.view("people")
    page.says("#people-list", "person 0")
    page.check_clean(100_000)


@pytest.mark.browser
def test_a_page_of_elsewhere_in_the_same_browser_changes_nothing(
    browser: Any, open_service: Running, strict_service: Running
) -> None:
    browser.get(strict_service.url + "/v1/health")  # another origin
    done = browser.execute_async_script(
        "const [url, done] = arguments; const form = new FormData();"
        "form.append('person', 'Eve'); form.append('consent', 'true');"
        "form.append('photos', new Blob(['x']), 'x.jpg');"
        "Promise.allSettled([fetch(url + '/v1/people'),"
        " fetch(url + '/v1/people?person=person%200', {method: 'DELETE'}),"
        " fetch(url + '/v1/people', {method: 'POST', body: form, mode: 'no-cors'})])"
        ".then((all) => done(all.map((one) => one.status + (one.value?.type || ''))))",
        open_service.url,
    )
    assert done[:2] == ["rejected", "rejected"]
    people = open_service.client.get("/v1/people").json()["people"]
    assert "person 0" in people and "Eve" not in people
    time_of = [json.loads(line) for line in open_service.lines if line.startswith("{")]
    assert any(line.get("status") == 403 for line in time_of) or done[2].startswith("rejected")
