"""Saves that are cut off: by SIGKILL, a full disk, a failing fsync. The old folder or the new one, never neither."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gatewise.artifact import durable, read_folder, write_folder
from gatewise.errors import EnvironmentFault, UsageError

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system call is Linux's")


def no_exchange(one: Path, other: Path) -> bool:
    return False


def save(path: Path, value: float, overwrite: bool = True) -> None:
    write_folder(path, {"kind": "thing", "value": value}, {"a": np.full(1000, value)}, overwrite)


def saved(path: Path) -> float:
    """Return the value of a saved folder after checking that both of its files hold it."""
    manifest, arrays = read_folder(path, "thing")
    assert np.all(arrays["a"] == manifest["value"])
    return manifest["value"]


@pytest.mark.parametrize("exchange", [durable.exchange, no_exchange])
def test_replaces_with_and_without_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange) -> None:
    monkeypatch.setattr(durable, "exchange", exchange)
    for value in (1.0, 2.0, 3.0):
        save(tmp_path / "saved", value)
        assert saved(tmp_path / "saved") == value
        assert os.listdir(tmp_path) == ["saved"]


@linux
def test_exchange_swaps_in_one_step_and_reports_errors(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert durable.exchange(tmp_path / "one", tmp_path / "two")
    assert os.listdir(tmp_path / "one") == ["two"]
    with pytest.raises(FileNotFoundError):
        durable.exchange(tmp_path / "one", tmp_path / "three")


def in_a_process(code: str, slow: bool, *arguments: object) -> str:
    """Run code in a process without threads, because it forks; return what it prints."""
    code = PREPARED.format(here=str(Path(__file__).parent), slow=slow) + code
    found = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


PREPARED = """
import os, signal, sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
import numpy as np
from gatewise.artifact import durable
from test_durable import no_exchange, save, saved

if {slow}:
    durable.exchange = no_exchange
"""

# A child saves value after value over the same folder, telling each one before it begins, until it is killed.
SAVING = """
target, rng, value, strays = Path(sys.argv[1]), np.random.default_rng(5), 0.0, 0
save(target, value)
for _ in range(60):
    reading, writing = os.pipe()
    child = os.fork()
    while child == 0:
        value += 1.0
        os.write(writing, b"%d\\n" % value)
        save(target, value)
    os.close(writing)
    with os.fdopen(reading) as told:
        begun = [told.readline() for _ in range(rng.integers(1, 4))]
        time.sleep(float(rng.uniform(0.0, 0.01)))
        os.kill(child, signal.SIGKILL)
        begun += told.readlines()
    os.waitpid(child, 0)
    value, last = saved(target), float(begun[-1])
    assert value in (last, last - 1.0), (value, last)
    strays += len(os.listdir(target.parent)) > 1
print(strays)
save(target, 1e6)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("slow", [False, True], ids=["exchange", "two renames"])
def test_sigkill_at_random_times_loses_nothing(tmp_path: Path, slow: bool) -> None:
    strays = int(in_a_process(SAVING, slow, tmp_path / "saved"))
    assert strays > 0, "no kill came in the middle of a save"
    assert os.listdir(tmp_path) == ["saved"]
    assert saved(tmp_path / "saved") == 1e6


FILE_SAVING = """
target, rng, strays = Path(sys.argv[1]), np.random.default_rng(3), 0
for _ in range(10):
    target.write_bytes(b"old")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"ready")
    while child == 0:
        with durable.staged_file(target) as staging:
            with open(staging, "wb") as file:
                for _ in range(50):
                    file.write(b"new" * 1000)
    os.read(reading, 5)
    time.sleep(float(rng.uniform(0.0, 0.02)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    strays += len(os.listdir(target.parent)) > 1
    assert target.read_bytes() in (b"old", b"new" * 50_000)
print(strays)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_sigkill_leaves_a_whole_file(tmp_path: Path) -> None:
    """What to_keras writes with. Keras 3.15.1's own save lost the file in 178 of 200 kills within it."""
    target = tmp_path / "model.keras"
    strays = int(in_a_process(FILE_SAVING, False, target))
    assert strays > 0, "no kill came in the middle of a save"
    with durable.staged_file(target) as staging:
        staging.write_bytes(b"last")
    assert os.listdir(tmp_path) == ["model.keras"]
    assert target.read_bytes() == b"last"


# A child dies before its nth step of a save, for every n.
DYING = """
def dying(function, left):
    def call(*args, **kwargs):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*args, **kwargs)
    return call

target, number, status = Path(sys.argv[1]), -1, 1
while status:
    number += 1
    save(target, 1.0)
    child = os.fork()
    if child == 0:
        left = [number]
        for name in ("mkdir", "fsync", "rename", "rmdir", "unlink", "open"):
            setattr(os, name, dying(getattr(os, name), left))
        save(target, 2.0)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert saved(target) in (1.0, 2.0), number
assert saved(target) == 2.0
print(number)
save(target, 3.0)
"""


@pytest.mark.skipif(os.name == "nt", reason="fork is POSIX")
@pytest.mark.parametrize("slow", [False, True], ids=["exchange", "two renames"])
def test_death_before_every_step_of_a_save(tmp_path: Path, slow: bool) -> None:
    assert int(in_a_process(DYING, slow, tmp_path / "saved")) > 10
    assert os.listdir(tmp_path) == ["saved"]
    assert saved(tmp_path / "saved") == 3.0


def test_a_folder_set_aside_is_found_and_put_back(tmp_path: Path) -> None:
    """What a kill between two renames leaves, on a file system that cannot exchange."""
    target = tmp_path / "saved"
    save(target, 1.0)
    target.rename(durable._stray_name(target).with_suffix(".old"))
    assert saved(target) == 1.0
    with pytest.raises(UsageError, match="already holds a saved model"):
        save(target, 2.0, overwrite=False)
    assert os.listdir(tmp_path) == ["saved"]
    assert saved(target) == 1.0


def test_a_folder_that_is_half_deleted_is_not_the_one_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save is killed while it deletes the old folder, and the next one between its two renames."""
    target = tmp_path / "saved"
    monkeypatch.setattr(durable, "exchange", no_exchange)
    save(target, 1.0)
    with monkeypatch.context() as killed:
        killed.setattr(
            durable.shutil, "rmtree", lambda folder, **_: (Path(folder) / "manifest.json").unlink(missing_ok=True)
        )
        save(target, 2.0)
    target.rename(durable._stray_name(target).with_suffix(".old"))
    assert saved(target) == 2.0


def test_sweeps_what_dead_processes_left_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "saved"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: dead.pid)
        of_dead, of_other_target = durable._stray_name(target), durable._stray_name(tmp_path / "other")
    of_living = durable._stray_name(target)
    with monkeypatch.context() as patched:
        patched.setattr(durable.platform, "node", lambda: "elsewhere")
        elsewhere, elsewhere_old = durable._stray_name(target), durable._stray_name(target)
    mine = tmp_path / ".gatewise-notes"
    for stray in (of_dead, of_other_target, of_living, elsewhere, elsewhere_old, mine):
        stray.mkdir()
        (stray / "weights.safetensors").touch()
    os.utime(elsewhere_old, (0, 0))
    save(target, 1.0)
    assert set(tmp_path.iterdir()) == {target, of_other_target, of_living, elsewhere, mine}


class Failing:
    """An os function that fails the nth time."""

    def __init__(self, function, number: int, code: int) -> None:
        self.function, self.left, self.code = function, number, code

    def __call__(self, *args, **kwargs):
        self.left -= 1
        if self.left < 0:
            raise OSError(self.code, os.strerror(self.code))
        return self.function(*args, **kwargs)


@pytest.mark.parametrize("number", range(4))
def test_a_failing_fsync_is_a_failed_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    target = tmp_path / "saved"
    save(target, 1.0)
    monkeypatch.setattr(os, "fsync", Failing(os.fsync, number, errno.EIO))
    with pytest.raises(EnvironmentFault) as caught:
        save(target, 2.0)
    assert str(caught.value) == f"{target} cannot be written: Input/output error."
    # Both files and the folder are synced before the exchange, the parent after it.
    assert saved(target) == (1.0 if number < 3 else 2.0)
    assert os.listdir(tmp_path) == ["saved"]


def test_a_failing_second_rename_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "saved"
    save(target, 1.0)
    monkeypatch.setattr(durable, "exchange", no_exchange)
    renames = []

    def rename(source, destination, original=os.rename):
        renames.append(source)
        if len(renames) == 2:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        original(source, destination)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(EnvironmentFault, match="cannot be written: Disk quota exceeded"):
        save(target, 2.0)
    assert saved(target) == 1.0
    assert os.listdir(tmp_path) == ["saved"]


@linux
def test_a_full_disk(tmp_path: Path) -> None:
    """In a file system of two megabytes, where the user may make one."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import os, numpy as np\nfrom pathlib import Path\n"
        "from gatewise.artifact import write_folder\nfrom gatewise.errors import EnvironmentFault\n"
        "from test_durable import save, saved\n"
        f"target = Path({str(tmp_path)!r}) / 'saved'\nsave(target, 1.0)\n"
        "try:\n    write_folder(target, {'kind': 'thing'}, {'a': np.ones(10**6)}, overwrite=True)\n"
        "except EnvironmentFault as error:\n    print(error)\n"
        "assert saved(target) == 1.0 and os.listdir(target.parent) == ['saved']\n"
    )
    mount = f'mount -t tmpfs -o size=2m none "{tmp_path}" && exec "{sys.executable}" -c "$0"'
    try:
        found = subprocess.run(["unshare", "-rm", "sh", "-c", mount, code], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if "unshare" in found.stderr or "mount" in found.stderr:
        pytest.skip(f"no small file system can be made here: {found.stderr.strip()[:80]}")
    assert found.stdout == f"{tmp_path}/saved cannot be written: No space left on device.\n", found.stderr


def test_an_array_that_reads_back_differently_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gatewise.artifact import tensors

    target = tmp_path / "saved"
    save(target, 1.0)
    encode = tensors.encode
    monkeypatch.setattr(tensors, "encode", lambda arrays: encode({name: array + 1 for name, array in arrays.items()}))
    with pytest.raises(EnvironmentFault) as caught:
        save(target, 2.0)
    assert str(caught.value) == f"{target} was not written: the array 'a' read back differs; check the disk."
    assert saved(target) == 1.0


def test_an_interrupted_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "saved", 1.0)
    assert os.listdir(tmp_path) == []


def test_two_processes_may_save_to_the_same_folder(tmp_path: Path) -> None:
    target = tmp_path / "saved"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nfrom test_durable import save, saved\n"
        "for step in range(30):\n    save(Path(sys.argv[1]), float(step))\n    saved(Path(sys.argv[1]))\n"
    )
    saving = [subprocess.Popen([sys.executable, "-c", code, target]) for _ in range(2)]
    assert [process.wait() for process in saving] == [0, 0]
    assert saved(target) == 29.0
    assert os.listdir(tmp_path) == ["saved"]
