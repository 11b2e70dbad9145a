"""The one place that chooses JAX for Keras, the devices, and the compilation cache.

Importing this file is cheap: it only sets environment variables that Keras and JAX read when they are imported.
`import_keras` does the rest, and every room that needs Keras gets it from there.

Switches, all environment variables:

``GATEWISE_CACHE``
    Folder of the compilation cache and of data sets; ``off`` switches it off. Default: ``gatewise`` in the user's cache
    folder. Read when Keras is first needed, and by the functions about the cache at every call.
``GATEWISE_CPU_DEVICES``
    How many devices JAX makes of the CPU, also more than there are cores. Ensembles spread their members over them.
    Default: one a core, at most 8. ``1`` leaves JAX as it is. Read when gatewise is imported; where JAX is loaded
    already, JAX's own number stays.
``GATEWISE_UNROLL``
    Up to how many time steps `gatewise.recurrent.quick` writes a recurrent layer out instead of looping. Default: 8; ``0``
    switches it off. Read when that module is imported, with the first model that is trained or run.
``GATEWISE_KERNELS``
    ``0`` keeps recurrent layers off the CPU kernels of `gatewise.recurrent.kernels`. Read whenever a model is traced.
``GATEWISE_VECTOR_WIDTH``
    How many floats the vectors of those kernels hold: 4, 8 or 16. Default: what the processor has. Read with the first
    kernel.
``GATEWISE_IMDB``
    Where the movie reviews are, the archive or its unpacked folder. Read by `gatewise.datasets.imdb`.

A switch that cannot be meant never fails the import of gatewise: `import_keras` and the command line refuse it.
"""

import contextlib
import functools
import hashlib
import logging
import os
import platform
import shutil
import sys
from pathlib import Path
from types import ModuleType

from gatewise import program_files
from gatewise.errors import EnvironmentFault, UsageError

logger = logging.getLogger("gatewise")

_MOST_CPU_DEVICES = 8
# Names that nobody else would use, for `clear_cache` deletes them wherever GATEWISE_CACHE points.
_PROGRAMS = "gatewise-programs"
_KERNELS = "gatewise-kernels"
_DATASETS = "gatewise-datasets"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _whole_number(name: str, default: int, least: int) -> int:
    """Return the number that an environment variable holds."""
    text = os.environ.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise UsageError(f"The environment variable {name} is {text!r}: give a whole number of at least {least}.")
    return int(text)


def _cpu_devices() -> int:
    return _whole_number("GATEWISE_CPU_DEVICES", min(cores(), _MOST_CPU_DEVICES), 1)


def unroll_up_to() -> int:
    """Return up to how many time steps a recurrent layer is written out instead of looped over.

    Raises:
        UsageError: GATEWISE_UNROLL is no whole number.
    """
    # Why 8 is said in `gatewise.recurrent.quick`.
    return _whole_number("GATEWISE_UNROLL", 8, 0)


def kernels_wanted() -> bool:
    """Say whether recurrent layers may take the CPU kernels.

    Raises:
        UsageError: GATEWISE_KERNELS is no whole number.
    """
    return _whole_number("GATEWISE_KERNELS", 1, 0) > 0


def vector_width() -> int | None:
    """Return how many floats the vectors of the CPU kernels are to hold; None for what the processor has.

    Raises:
        UsageError: GATEWISE_VECTOR_WIDTH is none of 4, 8 and 16.
    """
    text = os.environ.get("GATEWISE_VECTOR_WIDTH", "")
    if text not in ("", "4", "8", "16"):
        raise UsageError(f"The environment variable GATEWISE_VECTOR_WIDTH is {text!r}: give 4, 8 or 16.")
    return int(text) if text else None


def check_switches() -> None:
    """Refuse environment variables of gatewise's that cannot be meant.

    Raises:
        UsageError: One of them is no number where a number is needed.
    """
    _cpu_devices()
    unroll_up_to()
    kernels_wanted()
    vector_width()


def choose() -> None:
    """Make Keras start on JAX, if Keras is not loaded yet. Called when gatewise is imported.

    Raises:
        EnvironmentFault: Keras is already loaded on another backend.
    """
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        name = keras.config.backend()
        if name != "jax":
            raise EnvironmentFault(
                f"Keras is already loaded on the {name!r} backend and gatewise needs JAX: import gatewise before "
                "keras, or set the environment variable KERAS_BACKEND=jax, in a fresh Python process."
            )
    os.environ["KERAS_BACKEND"] = "jax"
    if "jax" not in sys.modules:
        # What is no number is for `check_switches` to refuse: at an import nobody could make a sentence of it.
        with contextlib.suppress(UsageError):
            os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(_cpu_devices()))


@functools.cache
def import_keras() -> ModuleType:
    """Import Keras on JAX, with the compilation cache switched on, and return it.

    Raises:
        UsageError: An environment variable of gatewise's that cannot be meant.
        EnvironmentFault: Keras is already loaded on another backend.
    """
    check_switches()
    choose()
    import jax

    folder = cache_folder()
    if folder is not None and jax.config.values["jax_compilation_cache_dir"] is None:
        program_files.use(folder)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # Small programs are what this package compiles: JAX's default keeps only those that took over a second.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    import keras

    choose()
    return keras


def cache_root() -> Path | None:
    """Return the folder that holds everything gatewise caches, or None where the cache is switched off."""
    text = os.environ.get("GATEWISE_CACHE", "")
    if text.lower() in {"off", "0", "no"}:
        return None
    if text:
        return Path(text).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gatewise"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "gatewise"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatewise"


def cache_folder() -> Path | None:
    """Return the compilation cache's folder for this kind of processor, or None where it is switched off.

    A compiled program may hold instructions that another processor lacks, and home folders are shared between
    machines, so each processor has a folder of its own.
    """
    root = cache_root()
    return None if root is None else root / _PROGRAMS / _processor()


def kernel_folder() -> Path | None:
    """Return the folder of the compiled recurrent kernels, or None where the cache is switched off."""
    root = cache_root()
    return None if root is None else root / _KERNELS


def dataset_folder() -> Path | None:
    """Return the folder of data sets that were downloaded or read before, or None where the cache is switched off."""
    root = cache_root()
    return None if root is None else root / _DATASETS


def _processor() -> str:
    """Name this processor's instruction set in a few characters."""
    text = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        wanted = ("model name", "flags", "Features")
        lines = [line for line in cpuinfo.read_text(errors="replace").splitlines() if line.startswith(wanted)]
        text += "".join(dict.fromkeys(lines))
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def cache_size() -> tuple[int, int]:
    """Return how many files the caches hold, and how many bytes."""
    sizes = [size for folder in _own_folders() for size in _file_sizes(folder)]
    return len(sizes), sum(sizes)


def clear_cache() -> tuple[int, int]:
    """Delete everything gatewise caches; return how many files that were, and how many bytes.

    Only what gatewise itself put there: ``GATEWISE_CACHE`` may point at a folder with other things in it.

    Raises:
        EnvironmentFault: A folder cannot be deleted.
    """
    removed = cache_size()
    for folder in _own_folders():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise EnvironmentFault(
                f"The cache {folder} cannot be deleted ({error.strerror or error}): end the programs that use it, "
                "or delete the folder yourself."
            ) from error
    return removed


def _own_folders() -> list[Path]:
    """Return the folders under the cache's root that are gatewise's, those that exist."""
    root = cache_root()
    folders = [] if root is None else [root / _PROGRAMS, root / _KERNELS, root / _DATASETS]
    return [folder for folder in folders if folder.is_dir()]


def _file_sizes(folder: Path) -> list[int]:
    sizes = []
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                sizes.append(path.stat().st_size)
        except FileNotFoundError:
            # Another process has just renamed or deleted it.
            continue
    return sizes
