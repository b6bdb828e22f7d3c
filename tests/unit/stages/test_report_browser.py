"""Claims about the report in a real browser: headless Chromium, its mouse and keys driven through a pipe."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import synthetic_scores

from visalign.cli import main
from visalign.io import tables
from visalign.io.files import write_json
from visalign.measures import HEADLINES

CHROMIUM = shutil.which("chromium")
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking".split()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")


class Browser:
    """One tab; commands and events are JSON ended by a zero byte, on the browser's descriptors 3 and 4."""

    def __init__(self, profile):
        (read, self.write), (self.read, write) = os.pipe(), os.pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read), os.close(write)
        self.count, self.session, self.events, self.rest = itertools.count(1), None, [], b""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.rest:
            part = os.read(self.read, 1 << 20)
            assert part, "the browser has ended"
            self.rest += part
        whole, _, self.rest = self.rest.partition(b"\0")
        return json.loads(whole)

    def send(self, method, **params):
        number = next(self.count)
        session = {"sessionId": self.session} if self.session else {}
        os.write(
            self.write,
            json.dumps({"id": number, "method": method, "params": params} | session).encode() + b"\0",
        )
        while (message := self.message()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, message["error"]
        return message["result"]

    def show(self, path, width=1280, height=900, scheme="light"):
        """Open a page; return seconds until it is drawn."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        start = time.perf_counter()
        self.send("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        return time.perf_counter() - start

    def run(self, expression):
        """Return what JavaScript gives for an expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def centre(self, element):
        """Scroll an element, given as a JavaScript expression, into view; return its centre in pixels."""
        return self.run(
            f"(e => {{e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f"return [b.x + b.width / 2, b.y + b.height / 2]}})({element})"
        )

    def hover(self, element):
        x, y = self.centre(element)
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, element):
        x, y = self.hover(element)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, name, text=""):
        code = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37, " ": 32}[name]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, text=text if kind == "keyDown" else "",
                      windowsVirtualKeyCode=code)  # fmt: skip

    def type(self, text):
        self.send("Input.insertText", text=text)

    def close(self):
        self.send("Browser.close")
        self.process.wait(20)
        os.close(self.read), os.close(self.write)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Path of the report of the synthetic study: 15 models, four panels."""
    folder = tmp_path_factory.mktemp("report")
    return write_report(folder, synthetic_scores.score_table(), synthetic_scores.model_sheet())


def write_report(folder, scores, sheet):
    tables.write_table(folder / "scores.csv", scores)
    sheet.to_csv(folder / "models.tsv", sep="\t", index=False)
    for model in sheet["model"]:
        count = 1_000_000 * (1 + len(model) % 7)
        write_json(folder / "models" / f"{model}.json", {"parameters": count})
    read = ["--scores", str(folder / "scores.csv")]
    models = ["--models", str(folder / "models.tsv")]
    main(["trend", *read, *models, "--bootstrap", "100", "--output", str(folder / "trend.json")])
    argv = [*read, "--trend", str(folder / "trend.json"), "--directory", str(folder)]
    main(["report", "study", *argv, "--output", str(folder / "report.html")])
    return folder / "report.html"


@pytest.fixture
def shown(browser, page):
    """The browser with the report open; no error, nor a request but for the file, whatever a test does."""
    browser.show(page)
    yield browser
    assert trouble(browser) == []


def trouble(browser):
    """Return errors, warnings and requests beyond the page that the browser told of."""
    browser.run("0")  # what happened before has been told now
    bad = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    urls = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    told = [event for event in browser.events if event.get("method") in bad]
    return told + [url for url in urls if not url.startswith(("file:", "data:"))] + urls[1:]


#: Panels of the synthetic study: similarity stands in for predictivity nowhere.
OF_STUDY = [one for one in HEADLINES if not one.without and one.figure == "alignment"]  # it has no probes
PLACES = range(len(OF_STUDY))


def panel(number):
    return f"document.querySelectorAll('#panels > div')[{number}]"


def mark(number, model):
    """JavaScript for the symbol of a model in a panel."""
    return f"{panel(number)}.querySelector('[aria-label^=\"{model},\"] .mark')"


def marked(browser):
    """Return the marked models of each panel, of the table, and of the list above."""
    names = "[...%s].map(e => e.getAttribute('aria-label').split(',')[0])"
    panels = [browser.run(names % f"{panel(i)}.querySelectorAll('.point.chosen')") for i in PLACES]
    rows = browser.run("[...document.querySelectorAll('#scores tr.chosen th')].map(e => e.dataset.value)")
    chips = browser.run(
        "[...document.querySelectorAll('#marked button')].map(e => e.textContent.slice(0, -2))"
    )
    return panels, rows, chips


def rows(browser):
    """Return the models of the table's visible rows, in order."""
    visible = "[...document.querySelectorAll('#scores tbody tr:not([hidden]) th')]"
    return browser.run(f"{visible}.map(e => e.dataset.value)")


MODEL = "tf_efficientnet_lite1_112"


def test_pointing_at_a_model_shows_name_family_accuracy_scores_and_intervals(shown):
    scores = synthetic_scores.score_table().query("model == @MODEL").set_index(["metric", "convention"])
    shown.hover(mark(1, MODEL))
    tip = shown.run("document.getElementById('tip').innerText")
    assert (
        MODEL in tip and "EfficientNet-Lite1" in tip and "ClickMe alignment, photographs (simulated)" in tip
    )
    for key in (("top1", "proportion"), ("pls", "r2/c"), ("spearman", "floor_corrected")):
        row = scores.loc[key]
        assert f"{row.value:.3f}" in tip and f"{row.ci_low:.3f} to {row.ci_high:.3f}".replace("-", "−") in tip
    assert shown.run(f"{mark(3, MODEL)}.parentElement.classList.contains('hot')")
    shown.hover("document.querySelector('h1')")
    assert shown.run("document.getElementById('tip').hidden")


def test_clicking_a_model_marks_it_in_every_panel_and_the_table(shown):
    shown.click(mark(0, MODEL))
    assert marked(shown) == ([[MODEL]] * len(PLACES), [MODEL], [MODEL])
    shown.click(f"document.querySelector('#scores [aria-label=\"mark {MODEL}\"]')")
    assert marked(shown) == ([[]] * len(PLACES), [], [])
    shown.click(f"document.querySelector('#scores [aria-label=\"mark {MODEL}\"]')")
    shown.click("document.querySelector('#marked button')")
    assert marked(shown) == ([[]] * len(PLACES), [], [])


def test_keys_reach_mark_and_unmark_models(shown):
    shown.run("document.querySelector('.convention').focus()")
    shown.key("Tab")
    focused = "document.activeElement.getAttribute('aria-label').split(',')[0]"
    first = shown.run(focused)
    shown.key("ArrowRight")
    reached = shown.run(focused)
    accuracy = synthetic_scores.score_table().query("metric == 'top1'").set_index("model")["value"]
    assert reached != first and accuracy[reached] >= accuracy[first] == accuracy.min()
    assert shown.run("document.getElementById('tip').innerText").startswith(reached)
    shown.key("Enter", "\r")
    assert marked(shown)[1] == [reached]
    assert shown.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    shown.key("Escape")
    assert shown.run("document.getElementById('tip').hidden") and marked(shown)[1] == [reached]
    shown.key("Escape")
    assert marked(shown)[1] == []


def test_headers_sort_by_click_and_by_key_with_missing_values_last(shown):
    scores = (
        synthetic_scores.score_table().query("metric == 'perturbation_tolerance'").set_index("model")["value"]
    )
    header = "document.querySelector('#scores thead tr').lastElementChild"
    shown.click(f"{header}.querySelector('button')")
    assert shown.run(f"{header}.getAttribute('aria-sort')") == "descending"
    known = list(scores.dropna().sort_values(ascending=False).index)
    assert rows(shown)[: len(known)] == known
    shown.run(f"{header}.querySelector('button').focus()")
    shown.key("Enter", "\r")
    assert shown.run(f"{header}.getAttribute('aria-sort')") == "ascending"
    assert rows(shown)[: len(known)] == known[::-1]
    assert set(rows(shown)[len(known) :]) == set(scores.index[scores.isna()])


def test_search_and_families_filter_table_and_panels_alike(shown):
    visible = f"[...{panel(1)}.querySelectorAll('.point:not(.away)')].map(p => p.ariaLabel.split(',')[0])"
    shown.click("document.getElementById('search')")
    shown.type("LITE0")
    wanted = {"tf_efficientnet_lite0" + end for end in ("", "_160", "_112", "_80", "_untrained")}
    assert set(rows(shown)) == set(shown.run(visible)) == wanted
    assert shown.run("document.getElementById('shown').textContent") == "5 of 15 models"
    shown.click("document.querySelector('[data-family=untrained]')")
    assert rows(shown) == shown.run(visible) == ["tf_efficientnet_lite0_untrained"]


def choose(browser, select, value):
    browser.run(f"{select}.value = {json.dumps(value)}")
    browser.run(f"{select}.dispatchEvent(new Event('change'))")


def test_other_axes_show_their_values_without_a_trend(shown):
    assert shown.run(f"{panel(0)}.querySelectorAll('.envelope').length") == 1
    choose(shown, f"{panel(0)}.querySelector('.convention')", "r")
    assert shown.run(f"{panel(0)}.querySelectorAll('.envelope').length") == 0
    assert "No trend is given" in shown.run(f"{panel(0)}.querySelector('.note').textContent")
    score = synthetic_scores.score_table().query("model == @MODEL and convention == 'r'").iloc[0]
    label = shown.run(f"{mark(0, MODEL)}.parentElement.getAttribute('aria-label')")
    assert label.endswith(f"pls {score.value:.3f}")
    choose(shown, "document.getElementById('x-axis')", "2")
    assert "parameters, millions 5.000" in shown.run(
        f"{mark(0, MODEL)}.parentElement.getAttribute('aria-label')"
    )
    assert shown.run("document.querySelectorAll('.envelope').length") == 0


def test_models_that_are_only_shown_are_hollow(shown):
    opacity = "getComputedStyle(%s).fillOpacity"
    assert float(shown.run(opacity % mark(0, "tf_efficientnet_lite0_untrained"))) < 0.2
    assert float(shown.run(opacity % mark(0, "tf_efficientnet_lite0"))) == 1


def test_symbols_stand_where_the_axis_says(shown):
    # Two ticks give the scale of the x axis; every symbol must be at its accuracy on it.
    ticks = shown.run(
        f"[...{panel(0)}.querySelectorAll('text[text-anchor=middle]:not(.label)')]"
        ".map(t => [Number(t.textContent), Number(t.getAttribute('x'))])"
    )
    (a, left), (b, right) = ticks[0], ticks[-1]
    accuracy = (
        synthetic_scores.score_table()
        .query("metric == 'top1' and status == 'ok'")
        .set_index("model")["value"]
    )
    for model, value in accuracy.items():
        at = shown.run(f"{mark(0, model)}.parentElement.transform.baseVal[0].matrix.e")
        assert at == pytest.approx(left + (value - a) / (b - a) * (right - left), abs=0.01)


def test_simulated_panels_carry_the_word(shown):
    words = [
        shown.run(f"{panel(i)}.querySelector('svg').textContent.includes('SIMULATED DATA')") for i in PLACES
    ]
    assert words == [True, True, True, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_window_and_text_stands_out(browser, page, width, scheme):
    browser.show(page, width=width, scheme=scheme)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")
    for element in ("p.quiet", ".notice p", ".reason", ".plot text", "a", ".chip"):
        assert contrast(*browser.run(COLOURS % element)) >= 4.5, element  # WCAG 2.1 AA
    assert trouble(browser) == []


#: Text colour and the first opaque background behind it, each [r, g, b].
COLOURS = """(e => {
  const rgb = value => value.match(/[\\d.]+/g).map(Number);
  const style = getComputedStyle(e), ink = rgb(e instanceof SVGElement ? style.fill : style.color);
  let behind = e;
  while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  return [ink.slice(0, 3), rgb(getComputedStyle(behind).backgroundColor).slice(0, 3)];
})(document.querySelector('%s'))"""


def contrast(ink, paper):
    """Contrast ratio of two sRGB colours (WCAG 2.1)."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    dark, light = sorted([luminance(ink), luminance(paper)])
    return (light + 0.05) / (dark + 0.05)


def test_without_an_accuracy_models_stand_in_the_order_of_their_scores(browser, tmp_path):
    scores = synthetic_scores.score_table()
    scores = scores[~scores["benchmark"].str.startswith("accuracy/")]
    browser.show(write_report(tmp_path, scores, synthetic_scores.model_sheet()))
    options = browser.run("[...document.querySelectorAll('#x-axis option')].map(e => e.textContent)")
    assert options == ["models, the highest score first", "parameters, millions"]
    points = f"[...{panel(0)}.querySelectorAll('.point')]"
    names = browser.run(f"{points}.map(e => [e.getAttribute('aria-label'), e.getAttribute('transform')])")
    places = [[float(number) for number in text[10:-1].split()] for _, text in names]
    best = scores[(scores["metric"] == "pls") & (scores["convention"] == "r2/c")].dropna(subset="value")
    ordered = best.sort_values("value", ascending=False)["model"].tolist()
    assert [label.split(",")[0] for label, _ in names] == ordered
    assert places == sorted(places) and [y for _, y in places] == sorted(y for _, y in places)
    browser.hover(f"{points}[0].querySelector('.mark')")
    assert ordered[0] in browser.run("document.getElementById('tip').textContent")
    note = browser.run(f"{panel(0)}.querySelector('.note').textContent")
    assert note.startswith("14 of 15 models have a value.") and "no accuracy in this study" in note
    assert trouble(browser) == []


def test_four_hundred_models_fit_in_5_mb_and_open_within_2_seconds(browser, tmp_path):
    rng, scores, sheets = np.random.default_rng(0), [], []
    for copy in range(27):
        table, sheet = synthetic_scores.score_table(copy), synthetic_scores.model_sheet()
        table["value"] += 0.01 * rng.standard_normal(len(table))
        scores.append(table.assign(model=table["model"] + f".{copy}"))
        sheets.append(
            sheet.assign(model=sheet["model"] + f".{copy}", family=sheet["family"] + f" {copy % 10}")
        )
    page = write_report(tmp_path, pd.concat(scores), pd.concat(sheets))
    assert page.stat().st_size < 5_000_000
    assert min(browser.show(page) for _ in range(3)) < 2
    assert browser.run(f"{panel(1)}.querySelectorAll('.point').length") > 370
    assert trouble(browser) == []
