"""The one place that chooses JAX, the devices, and the compilation cache."""

import logging
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from gatewise import backend, program_files
from gatewise.errors import EnvironmentFault, UsageError

COMPILE = """
from gatewise.backend import import_keras
import_keras()
import jax, jax.numpy as jnp
for k in range(8):
    print(float(jax.jit(lambda x: (x * k + 1).sum())(jnp.ones(4))))
"""


def start(code: str, **environment: str) -> subprocess.Popen[str]:
    """Start code in a fresh Python, its users' warnings as errors, so that a stumbling cache is seen."""
    known = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "JAX_NUM_CPU_DEVICES")}
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**known, **environment},
    )


def run(code: str, **environment: str) -> str:
    process = start(code, **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "persistent compilation cache" not in err
    return out.strip()


def test_a_cache_that_stumbles_would_be_seen():
    broken = "from gatewise import program_files\nprogram_files.ProgramFiles.get = lambda *_: 1 / 0\n"
    process = start(broken + COMPILE)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "UserWarning: Error reading persistent compilation cache entry" in err


class TestChoosingJax:
    def test_keras_starts_on_jax_even_if_the_environment_says_otherwise(self):
        code = "import gatewise, keras; print(keras.config.backend())"
        assert run(code, KERAS_BACKEND="torch") == "jax"

    def test_keras_loaded_on_another_backend_is_refused_in_a_sentence(self):
        code = "import keras\ntry:\n    import gatewise\nexcept Exception as error:\n    print(type(error), error)"
        assert run(code, KERAS_BACKEND="numpy") == (
            "<class 'gatewise.errors.EnvironmentFault'> Keras is already loaded on the 'numpy' backend and gatewise "
            "needs JAX: import gatewise before keras, or set the environment variable KERAS_BACKEND=jax, in a fresh "
            "Python process."
        )

    def test_keras_loaded_on_jax_before_is_fine(self):
        assert run("import keras, gatewise; print(gatewise.member_seed(0, 0) >= 0)", KERAS_BACKEND="jax") == "True"


class TestDevices:
    def test_the_environment_says_how_many(self):
        code = "import gatewise, jax; print(len(jax.devices('cpu')))"
        assert run(code, GATEWISE_CPU_DEVICES="3") == "3"
        assert run(code, GATEWISE_CPU_DEVICES="1") == "1"

    def test_what_is_no_number_is_refused_where_keras_is_needed(self):
        code = "import gatewise\ntry:\n    gatewise.fit\nexcept ValueError as error:\n    print(type(error), error)"
        assert run(code, GATEWISE_CPU_DEVICES="two") == (
            "<class 'gatewise.errors.UsageError'> The environment variable GATEWISE_CPU_DEVICES is 'two': give a whole "
            "number of at least 1."
        )

    @pytest.mark.parametrize("text", ["0", "-1", "1.5", "²"])
    def test_what_else_is_no_number_of_devices(self, monkeypatch, text):
        monkeypatch.setenv("GATEWISE_CPU_DEVICES", text)
        with pytest.raises(UsageError) as caught:
            backend.import_keras.__wrapped__()
        assert str(caught.value) == (
            f"The environment variable GATEWISE_CPU_DEVICES is {text!r}: give a whole number of at least 1."
        )


class TestUnrolling:
    def test_the_environment_says_up_to_how_many_steps(self, monkeypatch):
        monkeypatch.delenv("GATEWISE_UNROLL", raising=False)
        assert backend.unroll_up_to() == 8
        monkeypatch.setenv("GATEWISE_UNROLL", "0")
        assert backend.unroll_up_to() == 0
        code = "from gatewise.recurrent import quick; print(quick.UNROLL_UP_TO)"
        assert run(code, GATEWISE_UNROLL="3") == "3"

    @pytest.mark.parametrize("text", ["a", "-1", "8.0"])
    def test_what_is_no_number_is_refused(self, monkeypatch, text):
        monkeypatch.setenv("GATEWISE_UNROLL", text)
        with pytest.raises(UsageError) as caught:
            backend.import_keras.__wrapped__()
        assert str(caught.value) == (
            f"The environment variable GATEWISE_UNROLL is {text!r}: give a whole number of at least 0."
        )


class TestCacheFolder:
    @pytest.mark.parametrize("text", ["off", "OFF", "0", "no"])
    def test_switched_off(self, monkeypatch, text):
        monkeypatch.setenv("GATEWISE_CACHE", text)
        assert backend.cache_root() is None
        assert backend.cache_folder() is None
        assert backend.cache_size() == (0, 0)
        assert backend.clear_cache() == (0, 0)

    def test_switched_off_jax_has_no_cache_either(self, tmp_path):
        code = f"{COMPILE}\nprint(jax.config.values['jax_compilation_cache_dir'])"
        assert run(code, GATEWISE_CACHE="off", HOME=str(tmp_path), XDG_CACHE_HOME="").splitlines()[-1] == "None"
        assert not list(tmp_path.rglob("*gatewise*"))

    def test_the_folder_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path / "here"))
        assert backend.cache_root() == tmp_path / "here"
        assert tmp_path / "here" in backend.cache_folder().parents

    @pytest.mark.skipif(sys.platform != "linux", reason="the XDG folders are Linux's")
    def test_the_users_cache_folder_is_the_default(self, monkeypatch, tmp_path):
        monkeypatch.delenv("GATEWISE_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert backend.cache_root() == tmp_path / "gatewise"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert backend.cache_root() == tmp_path / ".cache" / "gatewise"

    def test_a_cache_chosen_by_the_user_for_jax_stays(self, tmp_path):
        code = f"{COMPILE}\nprint(jax.config.values['jax_compilation_cache_dir'])"
        theirs = str(tmp_path / "theirs")
        out = run(code, JAX_COMPILATION_CACHE_DIR=theirs, GATEWISE_CACHE=str(tmp_path / "ours"))
        assert out.splitlines()[-1] == theirs
        assert not (tmp_path / "ours").exists()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache that one process has filled, and what that process printed."""
    folder = tmp_path_factory.mktemp("compiled")
    return folder, run(COMPILE, GATEWISE_CACHE=str(folder))


class TestSharedCache:
    def test_the_second_process_compiles_nothing(self, compiled):
        folder, first = compiled
        written = {file: file.stat().st_mtime_ns for file in folder.rglob("*.program")}
        assert len(written) >= 8
        assert run(COMPILE, GATEWISE_CACHE=str(folder)) == first
        assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.program")} == written

    def test_two_processes_at_the_same_time(self, tmp_path):
        both = [start(COMPILE, GATEWISE_CACHE=str(tmp_path)) for _ in range(2)]
        outcomes = [process.communicate(timeout=120) for process in both]
        assert [process.returncode for process in both] == [0, 0], outcomes
        assert outcomes[0][0] == outcomes[1][0]
        assert all("compilation cache" not in err for _, err in outcomes)
        assert not list(tmp_path.rglob(".new-*"))

    def test_a_damaged_entry_is_replaced_and_nobody_notices(self, compiled):
        folder, first = compiled
        entries = sorted(folder.rglob("*.program"))
        whole = entries[0].read_bytes()
        for entry in entries:
            entry.write_bytes(entry.read_bytes()[: len(whole) // 2])
        assert run(COMPILE, GATEWISE_CACHE=str(folder)) == first
        for entry in entries:
            content = entry.read_bytes()
            assert content[:4] == zlib.crc32(content[4:]).to_bytes(4, "big")

    def test_a_folder_that_cannot_be_made_costs_only_time(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        process = start(COMPILE, GATEWISE_CACHE=str(tmp_path / "file"))
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.split()[0] == "4.0"
        assert err.count("cannot be written") == 1


class TestProgramFiles:
    def test_what_is_put_is_got(self, tmp_path):
        files = program_files.ProgramFiles(tmp_path / "new")
        assert files.get("key") is None
        files.put("key", b"value")
        assert files.get("key") == b"value"
        files.put("key", b"other")
        assert program_files.ProgramFiles(tmp_path / "new").get("key") == b"other"
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x00\x00\x01value", b"\xff" * 40])
    def test_what_was_not_written_here_is_deleted(self, tmp_path, content):
        (tmp_path / "key.program").write_bytes(content)
        assert program_files.ProgramFiles(tmp_path).get("key") is None
        assert list(tmp_path.iterdir()) == []

    def test_a_writer_that_fails_leaves_the_entry_that_was_there(self, tmp_path, monkeypatch, caplog):
        files = program_files.ProgramFiles(tmp_path)
        files.put("key", b"value")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        with caplog.at_level(logging.WARNING, logger="gatewise"):
            files.put("key", b"other")
            files.put("key", b"other")
        assert files.get("key") == b"value"
        assert [file.name for file in tmp_path.iterdir()] == ["key.program"]
        assert len(caplog.records) == 1

    def test_leftovers_of_the_killed_are_swept_and_those_of_the_living_are_not(self, tmp_path):
        old, young = tmp_path / ".new-old", tmp_path / ".new-young"
        old.write_bytes(b"half")
        young.write_bytes(b"half")
        os.utime(old, (1.0, 1.0))
        program_files.ProgramFiles(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == [".new-young"]

    def test_this_jax_lets_itself_be_given_them(self):
        from jax._src import compilation_cache

        backend.import_keras()
        assert compilation_cache.get_file_cache.__module__ == "gatewise.program_files"


class TestClearing:
    def test_only_what_is_gatewises_own(self, compiled, tmp_path, monkeypatch):
        shutil.copytree(compiled[0], tmp_path, dirs_exist_ok=True)
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "programs").mkdir()
        (tmp_path / "programs" / "mine.program").write_text("mine, too")
        monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
        entries = list(Path(backend.cache_folder()).iterdir())
        size = sum(entry.stat().st_size for entry in entries)
        assert backend.cache_size() == (len(entries), size)
        assert backend.clear_cache() == (len(entries), size)
        assert backend.cache_size() == (0, 0)
        left = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
        assert left == ["notes.txt", os.path.join("programs", "mine.program")]

    def test_a_folder_that_cannot_be_deleted(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
        backend.cache_folder().mkdir(parents=True)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(backend.shutil, "rmtree", refuse)
        with pytest.raises(EnvironmentFault, match=r"cannot be deleted \(Permission denied\): end the programs"):
            backend.clear_cache()

    def test_a_program_that_runs_survives_it(self, tmp_path):
        code = f"{COMPILE}\nfrom gatewise.backend import clear_cache\nclear_cache()\n"
        code += "print(float(jax.jit(lambda x: x.sum() - 1)(jnp.ones(4))))"
        assert run(code, GATEWISE_CACHE=str(tmp_path)).splitlines()[-1] == "3.0"
        assert len(list(tmp_path.rglob("*.program"))) >= 1
