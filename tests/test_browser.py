"""The pages in a real browser, without a display and without a network."""

import base64
import json
import re
import shutil

import pages
import pytest

from termmine import report

webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
from selenium.common.exceptions import NoAlertPresentException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Chromium and its driver: apt-get install chromium chromium-driver"
)
NAMES = ("run/index.html", "run/05_evaluation.html", "index.html")  # the last is the sweep's
LOCAL = re.compile("(file|data|blob|about):")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    manifest = pages.make_run(folder / "run")
    made = (
        report.index_page(folder / "run", manifest),
        report.notebook_page(folder / "run" / "05_evaluation.ipynb"),
        report.sweep_page(*pages.make_sweep()),
    )
    for name, html in zip(NAMES, made, strict=True):
        (folder / name).write_text(html, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


class Screen:
    """A page in a window of some width."""

    def __init__(self, driver, path):
        self.driver = driver
        self.resize(1200)
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # what another page left
        driver.get(path.as_uri())

    def resize(self, width):
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", metrics)

    def command(self, name, values=None):
        return self.driver.execute_cdp_cmd(name, values or {})

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(f"return {script}", *arguments)

    def shown(self, selector):
        return [element for element in self.all(selector) if element.is_displayed()]

    def texts(self, selector):
        return [element.text for element in self.shown(selector)]

    def search(self, words):
        self.all("input")[0].send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.BACKSPACE, words)

    def trouble(self):
        """Console messages, requests that leave the machine, dialogs."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        requests = {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            method, values = message["method"], message["params"]
            if method == "Page.javascriptDialogOpening":
                found.append(f"dialog {values['message']}")
            if method in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                requests[values["requestId"]] = values.get("request", values)["url"]
            if values.get("blockedReason") == "csp":  # it was never sent
                del requests[values["requestId"]]
        return found + [f"request {url}" for url in requests.values() if not LOCAL.match(url)]


@pytest.fixture
def show(driver, folder):
    return lambda name: Screen(driver, folder / name)


@pytest.mark.parametrize("name", NAMES)
def test_pages_load_in_silence_and_show_hostile_strings_as_text(show, name):
    screen = show(name)
    for button in screen.shown("button.code-switch, td.open button"):
        button.click()
    text = screen.run("document.body.innerText")
    for string in pages.HOSTILE:
        assert string in text, string
    assert screen.run("document.querySelectorAll('script, [onerror], iframe, object').length") == 1
    assert screen.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    with pytest.raises(NoAlertPresentException):
        _ = screen.driver.switch_to.alert
    assert screen.trouble() == []


def test_trouble_would_be_seen(driver, folder):
    bad = (
        "<script>console.error('bad'); fetch('http://127.0.0.1:9/').catch(() => 0); setTimeout(() => alert(1))</script>"
    )
    (folder / "bad.html").write_text(bad, encoding="utf-8")
    screen = Screen(driver, folder / "bad.html")
    driver.implicitly_wait(0)
    for _ in range(50):
        try:
            driver.switch_to.alert.accept()
            break
        except NoAlertPresentException:
            continue
    trouble = " ".join(screen.trouble())
    assert "bad" in trouble and "request http://127.0.0.1:9/" in trouble and "dialog 1" in trouble


def test_the_policy_stops_what_would_slip_through(driver, folder):
    """A page into which somebody wrote a script and a picture from elsewhere."""
    html = (folder / "run/index.html").read_text(encoding="utf-8")
    bad = "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x.png' onerror='document.title = 1'>"
    (folder / "bad.html").write_text(html.replace("<main>", f"<main>{bad}"), encoding="utf-8")
    screen = Screen(driver, folder / "bad.html")
    assert driver.title.endswith("termmine")
    trouble = screen.trouble()
    assert len(trouble) == 3 and all("violates the following Content Security Policy" in line for line in trouble)


@pytest.mark.parametrize("name", NAMES)
def test_pages_fit_a_phone_and_paper(show, name):
    screen = show(name)
    screen.resize(390)
    for button in screen.shown("button.code-switch, td.open button")[:12]:
        screen.run("arguments[0].click()", button)
    screen.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert screen.run("document.documentElement.scrollWidth") <= 390
    assert all(size >= 11 for size in screen.run("[...document.querySelectorAll('p, td, pre, summary')].map("
                                                 "e => parseFloat(getComputedStyle(e).fontSize))"))  # fmt: skip
    pdf = base64.b64decode(screen.command("Page.printToPDF")["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 1
    screen.command("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = screen.shown("button, input, nav, .controls") if "05" not in name else screen.shown("button, nav")
    assert [element.tag_name for element in hidden if element.tag_name != "button"] == []
    assert not screen.shown(".push")
    screen.command("Emulation.setEmulatedMedia", {"media": ""})


def test_the_search_filters(show):
    screen = show("run/index.html")
    terms = ".entries tr:first-child td:nth-child(2)"
    assert len(screen.shown(terms)) == 50
    assert screen.texts("output") == [f"50 of {pages.N_TERMS} shown"]
    screen.search("蜂王")
    assert screen.texts(terms) == ["蜂王", "工蜂"]  # the latter's head
    screen.search("<SCRIPT>alert")
    assert screen.texts(terms)[0] == "<script>alert(1)</script>"
    screen.search("词69x")
    assert screen.texts(terms) == [] and screen.texts("output") == ["nothing found"]
    screen.search("")
    screen.shown(".push")[0].click()
    assert len(screen.shown(terms)) == pages.N_TERMS and not screen.shown(".push")
    assert screen.trouble() == []


def test_a_term_opens_its_contexts(show):
    screen = show("run/index.html")
    screen.search("蜂王")
    [row] = screen.shown("tr.opens")  # of 工蜂 there are none
    button = row.find_element(By.TAG_NAME, "button")
    assert button.get_attribute("aria-expanded") == "false" and not screen.shown(".kwic")
    row.find_elements(By.TAG_NAME, "td")[-1].click()
    assert button.get_attribute("aria-expanded") == "true"
    first, second = screen.shown(".kwic li")
    assert first.text.replace("\n", "") == f"左{pages.MIXED}蜂王{pages.MIXED}右"
    assert second.text.replace("\n", "") == "看蜂王在产卵"
    middles = {round(screen.run("(r => r.x + r.width / 2)(arguments[0].getBoundingClientRect())", mark))
               for mark in screen.shown("mark")}  # fmt: skip
    assert len(middles) == 1  # one below the other
    button.send_keys(Keys.ENTER)
    assert not screen.shown(".kwic")
    button.send_keys(Keys.SPACE)
    assert len(screen.shown(".kwic li")) == 2
    assert screen.trouble() == []


def test_contexts_show_without_scripts(show):
    screen = show("run/index.html")
    screen.command("Emulation.setScriptExecutionDisabled", {"value": True})
    screen.driver.refresh()
    try:
        assert len(screen.shown(".entries tbody")) == pages.N_TERMS
        assert len(screen.shown(".kwic")) == len(pages.HOSTILE) + 1
        assert not screen.shown(".controls")
    finally:
        screen.command("Emulation.setScriptExecutionDisabled", {"value": False})


def test_headings_sort(show):
    screen = show("run/index.html")
    first = ".entries tbody:first-of-type tr:first-child td:nth-child({})"
    headings = {heading.text.rstrip(" ↑↓"): heading for heading in screen.all("th")}

    def sort(name):
        headings[name].find_element(By.TAG_NAME, "button").click()
        return headings[name].get_attribute("aria-sort")

    assert headings["rank"].get_attribute("aria-sort") == "ascending"
    assert sort("rank") == "descending"
    assert screen.texts(first.format(1)) == [str(pages.N_TERMS)]
    assert sort("count") == "descending" and headings["rank"].get_attribute("aria-sort") is None
    assert screen.texts(first.format(4)) == ["0.900"]
    assert sort("count") == "ascending"
    assert screen.texts(first.format(5)) == [str(1001 - pages.N_TERMS)]  # 1,000 is more than 931
    assert sort("head") == "ascending"
    assert screen.texts(first.format(3)) != [""]  # nothing comes last, either way
    assert sort("head") == "descending"
    assert screen.texts(first.format(3)) != [""]
    assert screen.trouble() == []


def test_code_opens_and_closes_at_once(show):
    screen = show("run/05_evaluation.html")
    [switch] = screen.shown(".code-switch")
    cells = len(screen.all("details"))
    assert cells and not screen.shown("details .highlight")
    screen.all("summary")[0].click()
    assert len(screen.shown("details .highlight")) == 1
    switch.click()
    assert len(screen.shown("details .highlight")) == cells and switch.text == "Hide all code"
    switch.click()
    assert not screen.shown("details .highlight") and switch.text == "Show all code"
    assert screen.trouble() == []


def test_a_sweep_sorts_and_searches(show):
    screen = show("index.html")
    [best] = screen.shown("tr.best")
    assert best.text.startswith("run 3 <b>'")
    heading = next(heading for heading in screen.all("th button") if heading.text == "average precision")
    heading.click()
    scores = screen.texts("tbody td:nth-child(4)")
    assert scores == ["0.4000", "0.3500", "0.2000", "0.1500", "0.1000", ""]
    screen.search("failed")
    assert len(screen.shown("tbody")) == 1
    assert screen.trouble() == []
