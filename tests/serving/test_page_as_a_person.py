"""The served page in headless Chromium, as a person uses it: a file is dropped, keys are pressed, wicked names stay text."""

import time

import numpy as np
import pytest

from driven_browser import DrivenBrowser
from gatewise.serving.terms.limits import Limits
from made_backtests import made_table
from serving.made_models import Lengths, Memory
from serving.made_server import Running
from serving_page_stand import EVIL, DoneAtOnce

TOKEN = "a token that nobody guesses"
PARTS = ("forecast", "text", "live", "models")
_DONE = "!document.getElementById('result').hidden"
_FOUND = "!document.getElementById('found').hidden"

_CONTRAST = """(() => {
  const parts = text => text.match(/[0-9.]+/g).map(Number);
  const linear = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.map(one => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paperOf = one => {
    const [r, g, b, a = 1] = parts(getComputedStyle(one).backgroundColor);
    const below = a < 1 ? paperOf(one.parentElement) : [0, 0, 0];
    return [r, g, b].map((value, place) => value * a + below[place] * (1 - a));
  };
  const contrast = one => {
    const svg = one.namespaceURI.endsWith("svg"), style = getComputedStyle(one);
    const ink = light(parts(style[svg ? "fill" : "color"])), paper = light(paperOf(svg ? document.body : one));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  };
  const all = document.querySelectorAll("h1, h2, p, dt, dd, li, th, td, label, summary, button, a, text, .legend span");
  const seen = [...all].filter(one => one.checkVisibility() && one.textContent.trim() && !one.disabled);
  const found = seen.map(one => [contrast(one), one.tagName, one.textContent.slice(0, 20)]);
  return {worst: found.sort((a, b) => a[0] - b[0])[0], paper: light(paperOf(document.body))};
})()"""


def until(condition):
    """Wait for what happens in the server."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def works():
    return DoneAtOnce()


def models():
    return [
        Memory("net", features=1),
        Memory("pair", features=2),
        Lengths("moods"),
        Sales("sales", features=1, kind="forecaster"),
    ]


@pytest.fixture(scope="module")
def server(works, tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("store"), models(), Limits())
    server.service.work = works
    yield server
    server.stop()


@pytest.fixture(scope="module")
def address(server):
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = DrivenBrowser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, address):
    tabs = []

    def opened(where="", **how):
        tab = browser.open(f"{address}/{where}", **how)
        tabs.append(tab)
        tab.wait("document.querySelector('#models-list')?.children.length")
        return tab

    yield opened
    for tab in tabs:
        tab.close()


@pytest.fixture(scope="module")
def wicked(tmp_path_factory):
    """A table whose file, columns and series have names that want to be markup."""
    frame = made_table(names=EVIL).to_frame().rename(columns={"y": '"><img src=y onerror="document.title = 3">'})
    file = tmp_path_factory.mktemp("tables") / "<b onmouseover=alert(1)>.csv"
    frame.to_csv(file, index=False)
    return file


def test_a_dropped_file_becomes_a_forecast_and_wicked_names_stay_text(opened, works, wicked):
    tab = opened()
    tab.drop("#drop", wicked)
    tab.wait(_FOUND)
    assert tab.text("#found-title") == f"{wicked.name}: 3 series found"
    assert tab.find("[...document.querySelectorAll('#series-chooser option')].map(one => one.text)") == EVIL
    assert tab.find("document.querySelector('#order [name=horizon]').value") == "12"
    tab.find("document.querySelector('#order [name=horizon]').value = 6")
    tab.click("#order button.main")
    tab.wait(_DONE)
    assert tab.text("#verdict-title") == "gatewise is better than every baseline here"
    (job,) = works.jobs.values()
    answer = job["answer"]
    first = answer["forecast"][0]
    cells = "[...document.querySelector('#result .pair tbody').rows].map(row => [...row.cells].map(cell => cell.textContent))"
    shown = tab.find(cells)
    assert [row[0] for row in shown] == ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06"]
    assert float(shown[0][1]) == pytest.approx(first["values"][0], rel=1e-4)
    low, high = map(float, shown[0][3].split(" – "))
    assert (low, high) == pytest.approx([first["bounds"]["95"][0][0], first["bounds"]["95"][1][0]], rel=1e-4)
    scores = tab.find("[...document.querySelectorAll('#result table')].at(-1).innerText")
    assert "ETS" in scores
    # Nothing that was named has become markup.
    assert tab.find("[document.title, document.images.length, document.querySelectorAll('main b b, main img').length]") == [
        "gatewise · Forecast", 1, 0,
    ]  # fmt: skip
    assert tab.faults == []
    # What is downloaded is what the server made.
    tab.find(
        "window.saved = new Promise(resolve => { const made = URL.createObjectURL;"
        " URL.createObjectURL = blob => { blob.text().then(resolve); return made(blob); }; }); 0"
    )
    tab.click("#result .choices button.main")
    assert tab.find("saved") == answer["csv"]
    # Who leaves, leaves nothing behind.
    way = next(iter(works.jobs))
    tab.say("Page.navigate", url="about:blank")
    until(lambda: way in works.cancelled)


def test_the_chart_is_read_and_zoomed_by_keys(opened):
    tab = opened()
    tab.find("document.getElementById('example').focus()")
    tab.key("Enter")
    tab.wait(_FOUND)
    tab.find("document.querySelector('#series-chart .steps').focus()")
    told = "document.querySelector('#series-chart .steps').getAttribute('aria-valuetext')"
    assert tab.find(told) == "1960-12: values 432"
    tab.key("ArrowLeft", 2)
    assert tab.find(told) == "1960-10: values 461"
    assert tab.text("#series-chart .legend").split() == ["1960-10", "values", "461"]
    tab.key("Home")
    assert tab.find(told) == "1949-01: values 112"
    labels = "[...document.querySelectorAll('#series-chart .axis')].map(one => one.textContent)"
    before = tab.find(labels)
    tab.find("document.querySelector('#series-chart .zoom button').focus()")
    tab.key("Enter", 6)
    after = tab.find(labels)
    assert {"1949-01", "1960-01"} <= set(before)
    assert "1949-01" in after
    assert "1960-01" not in after
    assert tab.faults == []


def test_a_person_without_a_mouse_gets_a_forecast(opened):
    tab = opened()

    def go_to(selector):
        for _ in range(60):
            if tab.find(f"document.activeElement.matches({selector!r})"):
                assert tab.find("document.activeElement.matches(':focus-visible')")
                return
            tab.key("Tab")
        raise AssertionError(f"{selector} is not reached by Tab")

    go_to("#paste-open")
    tab.key("Enter")
    tab.write(" ".join(str(10 + k % 7) for k in range(40)))
    go_to("#paste-box button")
    tab.key("Enter")
    tab.wait(_FOUND)
    assert tab.find("document.activeElement.id") == "found-title"
    go_to("#order [name=horizon]")
    tab.key("Enter")
    tab.wait(_DONE)
    assert tab.find("document.activeElement.id") == "verdict-title"
    go_to("#result .steps")
    go_to("#result .choices button:nth-child(2)")
    tab.key("Enter")
    tab.wait("document.getElementById('frame-dialog').open")
    tab.key("Escape")
    # With the dialog goes what was in it.
    tab.wait("!document.querySelector('iframe') && !document.getElementById('frame-dialog').open")
    assert tab.faults == []


def test_a_refused_table_shows_its_row_and_what_can_be_done(opened, tmp_path):
    file = tmp_path / "twice.csv"
    days = [f"2024-03-{day:02},{day % 5}" for day in range(1, 28)]
    file.write_text("\n".join(["day,sold", *days[:5], days[4], *days[5:]]) + "\n")
    tab = opened()
    tab.drop("#drop", file)
    tab.wait("document.querySelector('#table-problem .problem')")
    assert tab.text("#table-problem tr.marked").split() == ["7", "2024-03-05,0"]
    assert "row 7, column 'day' is 2024-03-05 once more" in tab.text("#table-problem")
    tab.find(
        "[...document.querySelectorAll('#table-problem button')].find(one => one.textContent.includes('mean')).click()"
    )
    tab.wait(_FOUND)
    assert tab.text("#facts").split()[:2] == ["Values", "27"]
    assert tab.faults == []


def test_a_forecast_can_be_cancelled(opened, works):
    works.seconds = 20.0
    try:
        tab = opened()
        tab.click("#example")
        tab.wait(_FOUND)
        tab.click("#order button.main")
        until(lambda: works.jobs)
        job = next(reversed(works.jobs))
        tab.click("#cancel")
        tab.wait("document.getElementById('work').hidden")
        until(lambda: job in works.cancelled)
        assert tab.find("document.activeElement.textContent") == "Forecast"
    finally:
        works.seconds = 0.0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_part_fits_a_phone_and_can_be_read(opened, dark, wicked):
    tab = opened(width=360, height=740, dark=dark)
    tab.find("document.getElementById('example').click()")
    tab.wait(_FOUND)
    tab.find("document.querySelector('#order button').click()")
    tab.wait(_DONE)
    for part in PARTS:
        tab.find(f"location.hash = '{part}'")
        tab.wait(f"!document.getElementById('{part}').hidden")
        if part == "text":
            tab.find("document.getElementById('text-input').value = 'a film unheard ' + 'x'.repeat(80)")
            tab.find("document.querySelector('#text-form button').click()")
            tab.wait("document.querySelector('.tokens')")
        assert tab.find("[innerWidth, document.documentElement.scrollWidth]") == [360, 360], part
        seen = tab.find(_CONTRAST)
        # What WCAG 2.1 asks of text.
        assert seen["worst"][0] >= 4.5, (part, seen["worst"])
        assert seen["paper"] < 0.02 if dark else seen["paper"] == 1
    assert tab.faults == []


def test_a_text_is_explained_and_its_words_are_walked_by_arrows(opened):
    tab = opened("#text")
    tab.find("document.getElementById('text-input').focus()")
    tab.write("not a <i>bad</i> film unheard")
    tab.key("Enter", modifiers=2)
    tab.wait("document.querySelector('.tokens')")
    bars = (
        "[...document.querySelectorAll('.bars li')].map(one =>"
        " ['.name', 'b'].map(part => one.querySelector(part).textContent))"
    )
    assert tab.find(bars) == [[EVIL[0], "70.0%"], [EVIL[1], "20.0%"], [EVIL[2], "10.0%"]]
    tab.find("document.querySelector('.tokens button').focus()")
    tab.key("ArrowRight", 2)
    assert tab.find("document.activeElement.textContent") == "<i>bad</i>"
    assert tab.text("#text-answer .told") == (
        f"“<i>bad</i>” speaks for {EVIL[0]}: +0.141 in its log-odds. Without the word they would change by +0.141."
    )
    assert tab.find("document.querySelectorAll('.tokens .unknown').length") == 1
    assert tab.find("document.querySelectorAll('main i:not(.bar i, .health i)').length") == 0
    assert tab.faults == []


def test_a_page_in_the_frame_reaches_nothing(opened):
    tab = opened("#text")
    tab.find("document.getElementById('text-input').value = 'a'; document.querySelector('#text-form button').click()")
    tab.wait("document.querySelector('#text-answer .choices button')")
    tab.find("document.querySelector('#text-answer .choices button').click()")
    tab.wait("document.querySelector('iframe')")
    frame = "document.querySelector('iframe')"
    assert tab.find(f"{frame}.getAttribute('sandbox')") == "allow-scripts"
    assert tab.find(f"{frame}.contentDocument === null")
    # Not even the page around it sees what is in it; the protocol does.
    inside = tab.framed()
    inside.wait("document.body?.innerText.includes('kept in')")
    assert inside.text("body") == "gates kept in, of origin null"


def test_the_other_language_is_a_key_away(opened):
    tab = opened()
    tab.click("#language")
    tab.wait("document.documentElement.lang === 'zh-Hans'")
    assert tab.text("#forecast-title") == "接下来会怎样?"
    tab.click("#example")
    tab.wait(_FOUND)
    assert tab.text("#found-title") == "airline.csv:找到 1 个序列"
    tab.find("location.hash = '#live'")
    tab.find("document.querySelector('#live-start [name=session]').value = 'nobody'")
    tab.click("#live-start [name=open]")
    tab.wait("document.querySelector('#live-problem .problem')")
    assert tab.text("#live-problem").split("\n\n") == [
        "没有这个会话。", "There is no session 'nobody'.", "请更正名称,或开始一个新会话。",
    ]  # fmt: skip
    tab.find("location.hash = '#forecast'")
    tab.click("#language")
    assert tab.text("#found-title") == "airline.csv: 1 series found"
    assert tab.faults == []


def feed(tab, *values):
    """Give a session values by keys, faster than they are answered, and wait until all were read."""
    before = int(tab.text("#session-title + p").split()[0])
    tab.find("document.getElementById('live-next').focus()")
    for value in values:
        tab.write(str(value))
        tab.key("Enter")
    tab.wait(f"document.querySelector('#session-title + p').innerText.startsWith('{before + len(values)} ')")


_ROWS = (
    "[...document.querySelectorAll('#live-session tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
)


def test_a_live_session_is_fed_by_hand_forked_and_taken_away(opened, server):
    tab = opened("#live")
    tab.find("document.querySelector('#live-start [name=session]').focus()")
    tab.write("mine")
    tab.key("Enter")
    tab.wait("document.getElementById('live-next')")
    feed(tab, 4, 2, 1.5)
    # h <- h / 2 + x, and what it says is h.
    assert tab.find(_ROWS) == [["3", "1.5", "3.5"], ["2", "2", "4"], ["1", "4", "4"]]
    assert tab.text("#session-title + p") == "3 values read"
    told = "document.querySelector('#live-session .steps').getAttribute('aria-valuetext')"
    tab.wait("document.querySelector('#live-session .steps').max === '8'")
    assert tab.find(told) == "3: value 1.5, the network says 3.5"
    tab.find("document.querySelector('#live-session .steps').focus()")
    tab.key("ArrowRight")
    # A forecast goes on without input.
    assert tab.find(told) == "4: forecast 1.75"
    assert server.service.sessions.read("mine")["seq"] == 3
    tab.find("[...document.querySelectorAll('#live-session button')].find(one => one.textContent === 'Fork').click()")
    tab.wait("document.querySelectorAll('.chips button').length === 2")
    feed(tab, 10)
    assert tab.find(_ROWS)[0] == ["4", "10", "11.75"]
    tab.find("document.querySelector('.chips button').click()")
    assert tab.text("#session-title") == "Session mine of net"
    assert len(tab.find(_ROWS)) == 3
    tab.find(
        "window.saved = new Promise(resolve => { const made = URL.createObjectURL;"
        " URL.createObjectURL = blob => { blob.text().then(resolve); return made(blob); }; }); 0"
    )
    tab.find(
        "[...document.querySelectorAll('#live-session button')].find(one => one.textContent === 'Steps as CSV').click()"
    )
    assert tab.find("saved") == "seq,x,y\n1,4,4\n2,2,4\n3,1.5,3.5\n"
    tab.find("document.getElementById('live-next').value = '1,5 x'; document.querySelector('.feed button').click()")
    assert tab.text("#live-session .told").endswith("“1,5 x” is not that.")
    # The session goes on elsewhere: nothing is fed twice, and it is said where it stands.
    server.asked("POST", "/v1/sessions/mine/steps", {"seq": 4, "x": [1]})
    tab.find("document.getElementById('live-next').value = '7'; document.querySelector('.feed button').click()")
    tab.wait("document.querySelector('#live-problem .problem')")
    tab.wait("document.querySelector('#live-session .told').innerText.includes('it stands at 4 now')")
    assert server.service.sessions.read("mine")["seq"] == 4
    assert tab.faults == []


class Sales(Memory):
    """A forecaster that says the last value again, and knows three that were before."""

    def forecast(self, state, horizon, levels):
        last = np.frombuffer(state, "<f4")[0].item()
        bounds = {
            f"gatewise-{side}-{level:g}": [last + by] * horizon
            for level in levels
            for side, by in (("lo", -1), ("hi", 1))
        }
        return {"gatewise": [last] * horizon, **bounds}

    def history(self, state, most):
        return {"ds": ["2024-01", "2024-02", "2024-03"], "y": [5.0, None, 7.0], "ds_after": ["2024-04", "2024-05"]}


def test_a_forecaster_is_shown_with_the_values_that_it_comes_from(opened):
    tab = opened("#live")
    tab.find("document.querySelector('#live-start [name=model]').value = 'sales'")
    tab.click("#live-start [name=begin]")
    slider = "document.querySelector('#live-session .steps')"
    tab.wait(f"{slider}?.max === '14'")
    said = f"{slider}.getAttribute('aria-valuetext')"
    assert tab.find(said) == "2024-03: value 7"
    feed(tab, 9)
    tab.wait(f"{slider}.max === '15'")
    assert tab.find(said) == "2024-04: value 9, forecast made before 9"
    tab.find(f"{slider}.focus()")
    tab.key("ArrowRight")
    assert tab.find(said).startswith("2024-05: forecast 9")
    assert tab.faults == []


def test_a_session_of_several_numbers_takes_rows(opened):
    tab = opened("#live")
    tab.find("document.querySelector('#live-start [name=model]').value = 'pair'")
    tab.click("#live-start button")
    tab.wait("document.getElementById('live-many')")
    tab.find("document.querySelector('#live-session details').open = true")
    tab.click("#live-many")
    tab.write("1 2\n3, 4\n")
    tab.click(".many button")
    tab.wait("document.querySelectorAll('#live-session tbody tr').length === 2")
    assert tab.find(_ROWS) == [["2", "3", "4", "8.5"], ["1", "1", "2", "3"]]
    assert tab.faults == []


def test_a_token_is_asked_for_and_forgotten_with_the_tab(browser, works, tmp_path):
    server = Running(tmp_path / "store", models(), Limits(), TOKEN)
    server.service.work = works
    try:
        tab = browser.open(f"http://127.0.0.1:{server.port}/#models")
        tab.wait("document.getElementById('token-dialog').open")
        assert tab.find("document.activeElement.id") == "token"
        tab.write("not the token at all")
        tab.key("Enter")
        tab.wait("!document.getElementById('token-wrong').hidden && document.getElementById('token-dialog').open")
        tab.write(TOKEN)
        tab.key("Enter")
        tab.wait("document.querySelectorAll('#models-list article').length === 4")
        # What a link leads to is fetched with the token.
        tab.find(
            "window.saved = new Promise(resolve => { const made = URL.createObjectURL;"
            " URL.createObjectURL = blob => { blob.text().then(resolve); return made(blob); }; }); 0"
        )
        tab.click("[data-file='metrics.txt']")
        assert "gatewise_request_seconds_count" in tab.find("saved")
        assert tab.find("[localStorage.length, document.cookie, location.href.includes('token')]") == [0, "", False]
        assert tab.faults == []
        tab.close()
    finally:
        server.stop()
