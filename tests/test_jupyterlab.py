"""The widgets in a real JupyterLab, in a real browser, without a display and without a network."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from termmine import corpus, judging

webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs Chromium and its driver: apt-get install chromium chromium-driver"
    ),
]
HOSTILE = "<img src=x onerror=alert(1)> $x$ &amp;"
TOKEN = "蜂王".encode().hex()
PANELS = 5
SECONDS = 40  # to wait for anything
CELLS = {
    "data": f"""
import pandas as pd
from termmine import widgets
hostile = {HOSTILE!r}
terms = ["蜂王", "工蜂", "巢脾", hostile, "时间", "蜂胶"]
words = pd.DataFrame({{"term": terms, "count": [30, 20, 9, 7, 5, 3], "pmi": [3.5, 2.25, 4.0, 1.5, 0.5, 6.0]}})
empty = dict(context="", verdict="", note="")
sheet = words[["term", "count"]].assign(rank=range(1, 7), score=0.5, **empty)[[*widgets.judging.COLUMNS]]
contexts = widgets.judging.contexts(terms, [f"看{{term}}在那里，{{hostile}}" for term in terms] + ["蜂王和工蜂"])
parents = ["", "蜂王", "蜂王", "工蜂", "巢脾", hostile]
walk = words[["term"]].assign(hop=[0, 1, 1, 2, 2, 3], parent=parents, similarity=0.75)
""",
    "table": "widgets.show_table(words, rows=4)",
    "thresholds": 'explorer = widgets.explore_thresholds(words, {"count": 5, "pmi": 1.0})\nexplorer',
    "seeds": 'picker = widgets.pick_seeds(terms, "seeds.txt")\npicker',
    "review": 'reviewer = widgets.review_terms(sheet, "judging.csv", contexts=contexts)\nreviewer',
    "expansion": "widgets.explore_expansion(walk)",
    "button": "import ipywidgets\nipywidgets.Button()",
    "plain": 'import os\nos.environ[widgets.PLAIN] = "1"\nwidgets.show_table(words)',
}


# --- a server and a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Root of the server; beside it the settings, so that nothing of the user's is read or written."""
    home = tmp_path_factory.mktemp("lab")
    settings = {"notebook-extension/tracker": {"windowingMode": "none"}}
    settings["apputils-extension/notification"] = {"fetchNews": "false", "checkForUpdates": False}
    for name, values in settings.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    root = home / "root"
    root.mkdir()
    cells = [new_code_cell(source.strip(), id=name) for name, source in CELLS.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), root / "panels.ipynb")
    return root


@pytest.fixture(scope="module")
def server(folder):
    home = folder.parent
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(home / "ipython"), "ITABLES_CONFIG": "", "HOME": str(home)}
    options = {
        "ServerApp": {"ip": "127.0.0.1", "root_dir": folder, "open_browser": False},
        "IdentityProvider": {"token": TOKEN},
        "LabApp": {"expose_app_in_browser": True, "user_settings_dir": home / "settings", "news_url": None},
    }
    options["LabApp"] |= {"workspaces_dir": home / "workspaces", "extension_manager": "readonly"}
    options["LabApp"]["check_for_updates_class"] = "jupyterlab.NeverCheckForUpdate"
    arguments = [f"--{of}.{name}={value}" for of, values in options.items() for name, value in values.items()]
    told = ("TERMMINE_PLAIN", "JPY_SESSION_NAME", "VSCODE_PID", "VSCODE_CWD", "COLAB_RELEASE_TAG")
    environment = {key: value for key, value in os.environ.items() if key not in told} | own
    with open(home / "log", "wb") as log:
        command = [sys.executable, "-m", "jupyterlab", "--allow-root", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        started = home / "runtime" / f"jpserver-{process.pid}.json"  # another server may have the usual port
        WebDriverWait(process, SECONDS, 0.05).until(lambda _: read(started) or process.poll() is not None)
        assert process.poll() is None, (home / "log").read_text()
        yield f"http://127.0.0.1:{json.loads(read(started))['port']}"
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture(scope="module")
def lab(server):
    """The notebook, open in JupyterLab, all its cells run."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1200,3000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    try:
        driver.get(f"{server}/lab/tree/panels.ipynb?token={TOKEN}")
        lab = Lab(driver)
        lab.wait(lambda: lab.all(".jp-Notebook .jp-CodeCell"))
        lab.run_all()
        yield lab
    finally:
        driver.quit()


class Lab:
    """What a user sees and does."""

    def __init__(self, driver):
        self.driver = driver

    def wait(self, condition):
        def holds(_):
            try:
                return condition()
            except (StaleElementReferenceException, IndexError):  # it is being drawn
                return False

        return WebDriverWait(self.driver, SECONDS, 0.05).until(holds)

    def run(self, script, *arguments):
        return self.driver.execute_script(f"return {script}", *arguments)

    def run_all(self):
        kernel = "globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.connectionStatus"
        self.wait(lambda: self.run(kernel) == "connected")
        self.run("jupyterapp.shell.collapseLeft()")
        self.run("void jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait(lambda: len(self.all(".termmine-panel[data-lm-suppress-shortcuts]")) == PANELS)
        self.wait(lambda: self.all("table", self.cell("plain")) and self.all(".dt-info", self.cell("table")))

    def all(self, selector, within=None):
        return (within or self.driver).find_elements(By.CSS_SELECTOR, selector)

    def cell(self, name):
        return self.all(".jp-Notebook .jp-Cell")[list(CELLS).index(name)]

    def panel(self, name):
        return self.all(".termmine-panel", self.cell(name))[0]

    def texts(self, selector, within):
        return [element.text for element in self.all(selector, within)]

    def click(self, label, within):
        """The button with that text, or with that name for those who cannot see."""
        for button in self.all("button", within):
            if label in (button.text.strip(), button.get_attribute("aria-label")):
                return button.click()
        raise AssertionError(f"no button {label}: {self.texts('button', within)}")

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)


def read(path):
    return path.read_text(encoding="utf-8") if path.exists() else ""


# --- what users do -----------------------------------------------------------------------------------------


def test_nobody_touched_the_files(lab, folder):
    assert sorted(path.name for path in folder.glob("[a-z]*.*")) == ["panels.ipynb"]


def test_a_table_is_searched_and_sorted(lab):
    panel = lab.panel("table")

    def first_column():
        return lab.texts("tbody td:first-child", panel)

    assert first_column() == ["蜂王", "工蜂", "巢脾", HOSTILE]  # the first page
    lab.all("th", panel)[1].click()  # count
    lab.wait(lambda: first_column() == ["蜂胶", "时间", HOSTILE, "巢脾"])
    search = lab.all("input[type=search]", panel)[0]
    search.send_keys("蜂")
    lab.wait(lambda: first_column() == ["蜂胶", "工蜂", "蜂王"])
    search.send_keys(Keys.BACKSPACE, "onerror")
    lab.wait(lambda: first_column() == [HOSTILE])
    search.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.BACKSPACE)


def test_a_slider_cuts_words(lab):
    panel = lab.panel("thresholds")

    def lists():
        return lab.texts("p strong", panel)

    assert lists() == ["Kept 4 of 6 words:", "Cut 2:"]
    handle = lab.all(".noUi-handle", panel)[0]
    handle.send_keys(*[Keys.ARROW_RIGHT] * 5)
    lab.wait(lambda: lists() == ["Kept 2 of 6 words:", "Cut 4:"])  # 10 or more
    assert "时间 (count 5, pmi 0.5)" in panel.text and HOSTILE in panel.text
    lab.all("input", panel)[-1].send_keys("巢")
    lab.wait(lambda: lists() == ["Kept 0 of 1 words with 巢:", "Cut 1:"])


def test_an_accepted_seed_is_in_the_file(lab, folder):
    panel, path = lab.panel("seeds"), folder / "seeds.txt"
    lab.click("accept 工蜂", panel)
    lab.wait(lambda: read(path) == "工蜂\n")
    lab.wait(lambda: "accept 工蜂" not in [b.get_attribute("aria-label") for b in lab.all("button", panel)])
    lab.click(f"accept {HOSTILE}", panel)
    lab.wait(lambda: read(path) == f"工蜂\n{HOSTILE}\n")
    lab.wait(lambda: lab.driver.switch_to.active_element.get_attribute("aria-label") == "accept 时间")  # the next one
    own = lab.all("input", panel)[1]
    own.send_keys("雄蜂", Keys.ENTER)
    lab.wait(lambda: corpus.read_terms(path) == ["工蜂", HOSTILE, "雄蜂"])
    lab.click("Undo", panel)
    lab.wait(lambda: corpus.read_terms(path) == ["工蜂", HOSTILE])
    lab.click(f"remove {HOSTILE}", panel)
    lab.wait(lambda: corpus.read_terms(path) == ["工蜂"])
    lab.wait(lambda: "Seeds in seeds.txt: 1 (1 rejected)" in panel.text)
    lab.all("input", panel)[0].send_keys("蜂")
    lab.wait(lambda: lab.texts(".termmine-rows span", panel) == ["蜂王", "蜂胶", "工蜂"])


def test_terms_are_judged_with_the_keyboard(lab, folder):
    panel, path = lab.panel("review"), folder / "judging.csv"

    def term():
        return lab.texts(".termmine-term", panel)

    lab.wait(lambda: term() == ["蜂王"])
    lab.all(".termmine-term", panel)[0].click()  # into the panel
    lab.press("y")
    lab.wait(lambda: term() == ["工蜂"])
    lab.press("n")
    lab.wait(lambda: term() == ["巢脾"])
    lab.press(" ")
    lab.wait(lambda: term() == [HOSTILE])
    lab.press("y")
    lab.wait(lambda: term() == ["时间"])
    verdicts = judging.read_verdicts(path)
    assert dict(zip(verdicts["term"], verdicts["verdict"], strict=True)) | {"蜂胶": ""} == {
        "蜂王": "yes", "工蜂": "no", "巢脾": "", HOSTILE: "yes", "时间": "", "蜂胶": "",
    }  # fmt: skip
    [corrected] = judging.corrected_precision(verdicts["term"].tolist(), [], verdicts, 4)["precision_corrected"]
    assert corrected == pytest.approx(2 / 3)
    lab.press(Keys.BACKSPACE)
    lab.wait(lambda: term() == [HOSTILE] and "you said yes" in panel.text)
    lab.press("n")
    lab.wait(lambda: term() == ["时间"])
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "no", "", "no", "", ""]
    lab.click("Yes (y)", panel)
    lab.wait(lambda: term() == ["蜂胶"])
    lab.press(" ")  # the button that was clicked has the focus, and is not pressed by the key
    lab.wait(lambda: term() == ["巢脾"])
    lab.wait(lambda: "4 of 6 judged (2 yes, 2 no; judging.csv)" in panel.text)


def test_two_fast_keys_judge_one_term(lab, folder):
    panel, path = lab.panel("review"), folder / "judging.csv"

    def term():
        return lab.texts(".termmine-term", panel)

    def judged():
        return int((judging.read_verdicts(path)["verdict"] != "").sum())

    assert term() == ["巢脾"] and judged() == 4
    fire = "for (const what of arguments[1]) arguments[0].dispatchEvent(new KeyboardEvent('keydown', {key: what}))"
    lab.driver.execute_script(fire, panel, ["n", "n"])
    lab.wait(lambda: term() == ["工蜂"] or term() == ["蜂胶"])
    lab.press(Keys.BACKSPACE)  # its answer comes after those to both keys
    lab.wait(lambda: term() == ["巢脾"] and "you said no" in panel.text)
    assert judged() == 5
    lab.driver.execute_script("for (let i = 0; i < 2; i++) arguments[0].click()", lab.all("button", panel)[0])
    lab.wait(lambda: term() == ["蜂胶"])
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "no", "yes", "no", "yes", ""]
    lab.click("Yes (y)", panel)
    lab.wait(lambda: "Nothing is left to judge" in panel.text)
    lab.press(Keys.BACKSPACE)  # the button that was clicked is disabled, and the keys work nevertheless
    lab.wait(lambda: term() == ["蜂胶"])


def test_a_term_is_followed_back_to_its_seed(lab):
    panel = lab.panel("expansion")

    def chain():
        return lab.texts(".termmine-rows button", lab.all(".termmine-rows", panel)[1])

    assert chain() == ["蜂胶", HOSTILE, "工蜂", "蜂王"]
    lab.click("show 时间", panel)
    lab.wait(lambda: chain() == ["时间", "巢脾", "蜂王"])
    search = lab.all("input", panel)[0]
    search.send_keys("工蜂")
    lab.wait(lambda: chain() == ["工蜂", "蜂王"])
    assert "It brought in 1:" in panel.text and "0.75 to 蜂王" in panel.text
    search.send_keys(Keys.BACKSPACE)
    lab.wait(lambda: lab.texts(".termmine-rows button", lab.all(".termmine-rows", panel)[0]) == ["工蜂"])


# --- what must not happen ----------------------------------------------------------------------------------


def test_keys_do_not_reach_the_notebook(lab):
    """There d d deletes the cell, as beside an ordinary button it does."""
    for name in ("seeds", "expansion", "review", "thresholds"):
        target = lab.all(".noUi-handle" if name == "thresholds" else "button:enabled", lab.panel(name))[0]
        lab.run("arguments[0].focus()", target)
        lab.press("d", "d")
    assert len(lab.all(".jp-Notebook .jp-Cell")) == len(CELLS)
    lab.run("arguments[0].focus()", lab.all(".jupyter-button", lab.cell("button"))[0])
    lab.press("d", "d")
    lab.wait(lambda: len(lab.all(".jp-Notebook .jp-Cell")) == len(CELLS) - 1)


def test_text_stays_text(lab):
    html = lab.all(".jp-RenderedHTMLCommon", lab.all(".jp-Notebook .jp-Cell")[-1])[0]
    assert HOSTILE in html.text and "In JupyterLab this can be played with" in html.text
    assert not lab.all("mjx-container, .MathJax, img[src=x]")


def test_no_request_leaves_the_machine_and_nothing_goes_wrong(lab, server):
    asked = {}
    for entry in lab.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            values = message["params"]
            asked[values["requestId"]] = values.get("request", values)["url"]
    own = re.compile(f"(data|blob|about|chrome):|(http|ws)://{re.escape(server.partition('//')[2])}/")
    assert len(asked) > 10 and [url for url in asked.values() if not own.match(url)] == []
    assert [entry["message"] for entry in lab.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
