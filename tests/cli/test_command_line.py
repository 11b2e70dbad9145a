"""What is typed, what comes back on stdout and stderr, and the exit status."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import pytest

import gatewise
from gatewise.cli import app
from gatewise.cli.app import run
from gatewise.errors import EnvironmentFault, GatewiseWarning, Interrupted
from made_results import made_reviews

FAST = ["recipes", "airline", "--members", "2", "--epochs", "1", "--recipe", "gru"]


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty folder; returns status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments):
        status = run(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


def process(*arguments, code=None, **options):
    command = ["-c", code] if code else ["-m", "gatewise", *arguments]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, **options)


def test_version(typed):
    assert typed("--version") == (0, f"gatewise {gatewise.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command_and_the_exit_statuses(typed, arguments):
    status, out, err = typed(*arguments)
    assert (status, err) == (0, "")
    assert all(word in out for word in ("recipes", "bench", "cache", "Exit status: 0 done", "130 interrupted"))


def test_the_list_of_recipes(typed):
    status, out, _ = typed("recipes")
    assert status == 0
    names = [
        "mlp", "mlp-window", "lstm", "lstm-window", "lstm-time-steps", "lstm-stateful", "lstm-stacked-stateful",
        "gru", "gru-window", "gru-time-steps", "gru-stateful", "gru-stacked-stateful", "imdb-lstm", "imdb-lstm-dropout",
        "imdb-lstm-gate-dropout", "imdb-lstm-word-dropout", "imdb-cnn-lstm", "imdb-gru", "imdb-gru-dropout",
        "imdb-gru-gate-dropout", "imdb-gru-word-dropout", "imdb-cnn-gru",
    ]  # fmt: skip
    assert [line.split()[0] for line in out.splitlines() if " → " in line] == names
    content = json.loads(typed("recipes", "--json")[1])
    assert [one["name"] for one in content] == names
    assert (content[4]["family"], content[4]["published_test"]) == ("airline", 58.88)
    assert (content[12]["family"], content[12]["published"]) == ("imdb", 0.8679)


def test_a_run_prints_the_table_and_the_conclusion_below_it(typed):
    status, out, err = typed(*FAST)
    assert (status, err) == (0, "")
    *_, cells, words = out.splitlines()
    assert cells.split()[0] == "gru"
    assert words.startswith(("No recipe beats persistence (", "Every recipe beats persistence ("))
    assert "One seed decides nothing: 9 of 10 seeds of gru have a test RMSE between " in words


def test_json_and_report(typed, tmp_path):
    status, out, err = typed(*FAST, "--json", "--report", "page.html")
    content = json.loads(out)
    assert (status, err) == (0, "report: page.html\n")
    assert content["data"] == "airline"
    assert [one["recipe"] for one in content["recipes"]] == ["gru"]
    assert len(content["recipes"][0]["test"]["rmse"]["members"]) == 2
    assert content["conclusion"] in (tmp_path / "page.html").read_text(encoding="utf-8").replace("\u00a0", " ")


def test_review_recipes_reach_the_run_and_the_page(typed, tmp_path, monkeypatch):
    asked = []

    def ran(chosen, options):
        asked.append(([one.name for one in chosen], options))
        yield made_reviews("imdb-gru", [0.86, 0.87])

    monkeypatch.setattr("gatewise.recipes.run_reviews", ran)
    options = ["--recipe", "imdb-gru", "--data", "there", "--split", "published", "--members", "2", "--seed", "4"]
    status, out, err = typed("recipes", "imdb", *options, "--epochs", "1", "--report", "page.html")
    assert (status, err) == (0, "report: page.html\n")
    ((names, given),) = asked
    assert (names, given.path, given.splits, given.members) == (["imdb-gru"], "there", ("published",), 2)
    assert (given.seed, given.epochs, given.units, given.dialect, given.linear) == (4, 1, None, "keras3", True)
    assert re.search(r"imdb-gru +16,750 / 8,250 +86\.50 \(86\.00–87\.00\)", out)
    assert "86.50" in (tmp_path / "page.html").read_text(encoding="utf-8")
    content = json.loads(typed("recipes", "imdb", *options, "--json")[1])
    assert [one["accuracy"] for one in content["recipes"][0]["members"]] == [0.86, 0.87]


def test_every_option_reaches_the_run(typed, tmp_path):
    (tmp_path / "mine.csv").write_text("t;a;b\n" + "".join(f"x;{k};{k * k % 17}\n" for k in range(60)) + "end\n")
    options = ["--data", "mine.csv", "--column", "b", "--fix", "footer", "--look-back", "4", "--units", "3"]
    options += ["--dialect", "keras3", "--leak", "--seed", "9", "--json"]
    one = json.loads(typed(*FAST, *options)[1])["recipes"][0]
    assert (one["look_back"], one["units"], one["epochs"], one["members"]) == (4, [3], 1, 2)
    assert (one["dialect"], one["leak"], one["seed"]) == ("keras3", True, 9)
    assert (one["train"]["samples"], one["test"]["samples"]) == (36, 16)
    assert one["test"]["published_rmse"] is None


def test_own_data_is_not_leaked_unless_asked(typed, tmp_path):
    (tmp_path / "mine.csv").write_text("".join(f"{k * k % 17}\n" for k in range(60)))
    own = ["--data", "mine.csv", "--format", "header=False"]
    assert json.loads(typed(*FAST, *own, "--json")[1])["recipes"][0]["leak"] is False
    assert json.loads(typed(*FAST, "--json")[1])["recipes"][0]["leak"] is True
    assert json.loads(typed(*FAST, "--no-leak", "--json")[1])["recipes"][0]["leak"] is False


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["recipe"], 2, "'gatewise' has no command 'recipe': did you mean recipes?"),
        (["frobnicate"], 2, "'gatewise' has no command 'frobnicate': see 'gatewise --help'."),
        (["--verison"], 2, "'gatewise' has no option --verison: did you mean --version?"),
        (
            ["recipes", "airline", "--member", "3"],
            2,
            "'gatewise recipes airline' has no option --member: did you mean --members?",
        ),
        (
            ["recipes", "imdb", "--zzz"],
            2,
            "'gatewise recipes imdb' has no option --zzz: see 'gatewise recipes imdb --help'.",
        ),
        (["recipes", "airlines"], 2, "'gatewise recipes' has no command 'airlines': did you mean airline?"),
        (["recipes", "--zzz"], 2, "'gatewise recipes' has no option --zzz: see 'gatewise recipes --help'."),
        (
            ["recipes", "imdb-lstm"],
            2,
            "There are no recipes 'imdb-lstm': write 'gatewise recipes imdb --recipe imdb-lstm'.",
        ),
        (
            ["recipes", "airline", "--recipe", "imdb-gru"],
            2,
            "'imdb-gru' is among the other recipes: write 'gatewise recipes imdb'.",
        ),
        (
            ["recipes", "imdb", "--recipe", "mlp"],
            2,
            "'mlp' is among the other recipes: write 'gatewise recipes airline'.",
        ),
        (
            ["recipes", "--json", "imdb"],
            2,
            "--json before 'imdb' is about the list: write it behind, 'gatewise recipes imdb --json'.",
        ),
        (["recipes", "imdb", "--members", "0"], 2, "--members is 0: give a whole number of at least 1."),
        (
            ["recipes", "imdb", "--data", "no.tar.gz"],
            3,
            "There is no file or folder 'no.tar.gz': give the place of aclImdb_v1.tar.gz or of its unpacked folder.",
        ),
        (
            ["recipes", "lstm-window"],
            2,
            "There are no recipes 'lstm-window': write 'gatewise recipes airline --recipe lstm-window'.",
        ),
        (
            ["recipes", "--members", "3", "--report", "x.html", "--recipe", "nonsense"],
            2,
            "Without a name 'gatewise recipes' lists the recipes, and --members is about running them: write 'gatewise "
            "recipes airline' or 'gatewise recipes imdb' before the options.",
        ),
        (
            ["recipes", "--json", "--no-leak"],
            2,
            "Without a name 'gatewise recipes' lists the recipes, and --no-leak is about running them: write "
            "'gatewise recipes airline' or 'gatewise recipes imdb' before the options.",
        ),
        (
            ["recipes", "airline", "--recipe", "lstm-statefull"],
            2,
            "There is no recipe 'lstm-statefull': did you mean 'lstm-stateful'?",
        ),
        (["recipes", "airline", "--members", "0"], 2, "--members is 0: give a whole number of at least 1."),
        (["recipes", "airline", "--look-back", "0"], 2, "--look-back is 0: give a whole number of at least 1."),
        (["recipes", "airline", "--units", "-1"], 2, "--units is -1: give a whole number of at least 1."),
        (["recipes", "airline", "--epochs", "0"], 2, "--epochs is 0: give a whole number of at least 1."),
        (["recipes", "airline", "--seed", "-1"], 2, "--seed -1: a whole number from 0 to 2**63 - 1 is needed."),
        (
            ["recipes", "airline", "--column", "y"],
            2,
            "--column, --fix and --format are about a file of your own: give it with --data FILE.",
        ),
        (["recipes", "airline", "--data", "no.csv"], 3, "There is no file 'no.csv': give the path of a table."),
        (
            ["recipes", "airline", "--look-back", "60"],
            3,
            "A series of 144 values is too short for 'mlp' with --look-back 60, which trains on the first 67 % and "
            "is tested on the rest: give at least 185 values, or a smaller --look-back.",
        ),
    ],
)
def test_mistakes_get_one_line_and_the_status_of_their_kind(typed, arguments, status, sentence):
    assert typed(*arguments) == (status, "", f"error: {sentence}\n")


@pytest.mark.parametrize("arguments", [["recipes", "airline", "--members", "x"], ["recipes", "airline", "--members"]])
def test_what_the_parser_refuses_is_one_line_too(typed, arguments):
    status, out, err = typed(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert "--members" in err
    assert err.count("\n") == 1


def test_a_fraction_where_a_whole_number_belongs_is_refused_in_our_words(typed):
    sentence = "error: Invalid value for '--horizon': give a whole number: see 'gatewise forecast --help'.\n"
    assert typed("forecast", "airline", "--horizon", "2.5") == (2, "", sentence)


def test_output_is_checked_before_the_training(typed, tmp_path, monkeypatch):
    monkeypatch.setattr("gatewise.recipes.run_recipes", lambda *_: pytest.fail("trained"))
    (tmp_path / "page.html").write_text("old")
    assert typed(*FAST, "--report", "page.html") == (
        2,
        "",
        "error: 'page.html' exists: give another name, or --force to overwrite it.\n",
    )
    assert typed(*FAST, "--report", "none/page.html") == (
        5,
        "",
        f"error: {tmp_path}/none/page.html cannot be written: the folder {tmp_path}/none does not exist; create it.\n",
    )
    assert (tmp_path / "page.html").read_text() == "old"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_a_folder_that_takes_no_files_is_found_out_before_the_training(typed, monkeypatch):
    monkeypatch.setattr("gatewise.recipes.run_recipes", lambda *_: pytest.fail("trained"))
    status, out, err = typed(*FAST, "--report", "/proc/page.html")
    assert (status, out) == (5, "")
    assert re.fullmatch(r"error: /proc/page\.html cannot be written: [\w ]+\.\n", err)


def test_a_report_that_fails_after_all_costs_no_table(typed, monkeypatch):
    def fail(*_, **__):
        raise EnvironmentFault("page.html cannot be written: No space left on device.")

    monkeypatch.setattr("gatewise.report.recipes_page.write_recipes", fail)
    status, out, err = typed(*FAST, "--report", "page.html")
    assert (status, err) == (5, "error: page.html cannot be written: No space left on device.\n")
    assert out.splitlines()[-2].split()[0] == "gru"


def test_a_reader_that_goes_away_costs_no_report(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gatewise", *FAST, "--report", str(tmp_path / "page.html")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "text", "least"),
    [("GATEWISE_CPU_DEVICES", "x", 1), ("GATEWISE_CPU_DEVICES", "0", 1), ("GATEWISE_UNROLL", "a", 0)],
)
@pytest.mark.parametrize("arguments", [["recipes"], ["cache"], FAST], ids=["recipes", "cache", "run"])
def test_a_switch_that_cannot_be_meant_is_one_line(name, text, least, arguments):
    done = process(*arguments, env={**os.environ, name: text})
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == f"error: The environment variable {name} is {text!r}: give a whole number of at least {least}.\n"
    )


def test_force_overwrites(typed, tmp_path):
    (tmp_path / "page.html").write_text("old")
    assert typed(*FAST, "--report", "page.html", "--force", "--quiet")[::2] == (0, "")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted("after 3 epochs.", None), 130, "interrupted"),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "error: gatewise itself failed (ZeroDivisionError: division by zero): run it again with --debug for a "
            "traceback.",
        ),
    ],
)
def test_what_goes_wrong_inside(typed, monkeypatch, error, status, sentence):
    def fail(arguments):
        raise error

    monkeypatch.setattr(app, "_invoke", fail)
    assert typed("recipes") == (status, "", f"{sentence}\n")
    _, _, err = typed("recipes", "--debug")
    assert err.startswith("Traceback ")
    assert err.endswith(f"{sentence}\n")


def test_our_warnings_are_sentences_and_those_of_libraries_are_not_for_here(typed, monkeypatch):
    def warn(arguments):
        warnings.warn("1 of 2 members\nfailed.", GatewiseWarning, stacklevel=1)
        warnings.warn("old spelling", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(app, "_invoke", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert typed("recipes") == (0, "", "warning: 1 of 2 members failed.\n")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_a_reader_that_goes_away_is_no_error(options):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gatewise", "recipes", *options]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_the_environments_fault():
    command = [sys.executable, "-m", "gatewise", "recipes", "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        5,
        "error: The system refused to read or write: No space left on device.\n",
    )


def test_a_terminal_without_arrows_gets_question_marks():
    done = process("recipes", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "Dense 8 relu ? Dense 1" in done.stdout


def test_ctrl_c_while_a_library_makes_code_ends_with_its_status_too():
    code = (
        "from gatewise.cli import app; app._invoke = lambda _: exec('raise KeyboardInterrupt'); app.main(['recipes'])"
    )
    done = process(code=code)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_ends_a_run_with_one_line(tmp_path):
    command = [sys.executable, "-m", "gatewise", "recipes", "airline", "--epochs", "100000"]
    given = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": {**os.environ, "GATEWISE_CACHE": str(tmp_path)},
    }
    with subprocess.Popen(command, text=True, **given) as running:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.rglob("*.program")) and time.monotonic() < deadline:
                time.sleep(0.1)
            # Something was compiled: soon it is in the middle of the first recipe.
            time.sleep(1)
            assert running.poll() is None
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 130
    assert out == ""
    assert err == "interrupted\n"


def test_the_cache_is_shown_and_cleared_and_nothing_beside_it(typed, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path / "kept"))
    folder = gatewise.backend.cache_folder()
    assert typed("cache") == (0, f"{tmp_path / 'kept'}\t0 files\t0 B\n", "")
    folder.mkdir(parents=True)
    (folder / "one").write_bytes(b"x" * 1500)
    (tmp_path / "kept" / "mine").write_bytes(b"x")
    assert typed("cache", "--debug")[1] == f"{tmp_path / 'kept'}\t1 file\t1.5 kB\n"
    assert typed("cache", "clear") == (0, "", "deleted 1 file, 1.5 kB\n")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]
    assert typed("cache")[1] == f"{tmp_path / 'kept'}\t0 files\t0 B\n"
    assert typed("cache", "clear", "--quiet", "--debug") == (0, "", "")


def test_what_a_run_has_compiled_is_cleared_and_made_again(tmp_path):
    environment = {**os.environ, "GATEWISE_CACHE": str(tmp_path)}
    for _ in range(2):
        assert process(*FAST, env=environment).returncode == 0
        files = len(list(tmp_path.rglob("*.program")))
        assert files > 1
        cleared = process("cache", "clear", env=environment)
        assert (cleared.returncode, cleared.stdout) == (0, "")
        assert cleared.stderr.startswith(f"deleted {files} files, ")
        assert list(tmp_path.rglob("*.program")) == []


def test_a_cache_that_cannot_be_cleared(typed, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
    folder = gatewise.backend.cache_folder()
    folder.mkdir(parents=True)
    monkeypatch.setattr(gatewise.backend.shutil, "rmtree", refuse)
    sentence = (
        f"error: The cache {folder.parent} cannot be deleted (Permission denied): end the programs that use it, or delete "
        "the folder yourself.\n"
    )
    assert typed("cache", "clear") == (5, "", sentence)
    _, _, err = typed("cache", "clear", "--debug")
    assert err.startswith("Traceback ")
    assert err.endswith(sentence)


def test_a_cache_that_is_off_says_so(typed, monkeypatch):
    monkeypatch.setenv("GATEWISE_CACHE", "off")
    assert typed("cache") == (0, "The cache is switched off (GATEWISE_CACHE).\n", "")
