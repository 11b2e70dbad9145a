"""Looks into a built wheel: pure Python, the package and its licence, and nothing that belongs to the checkout.

``python scripts/wheel_contents.py FILE.whl``
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# No file of the package is near the first; a wheel of code alone is far from the second.
MOST_BYTES_A_FILE, MOST_BYTES = 100_000, 2 * 2**20

# Kinds of files that the package ships besides its code, and the only data set among them.
SHIPPED_SUFFIXES = {".py", ".typed", ".html", ".css", ".js", ".json", ".svg"}
SHIPPED_DATA = {"gatewise/datasets/airline.csv"}
NEEDED = {"gatewise/__init__.py", "gatewise/py.typed", "gatewise/serving/page/index.html", *SHIPPED_DATA}


def main(wheel: Path) -> int:
    """Print every fault of a wheel and return how the script should end."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        large = [one.filename for one in archive.infolist() if one.file_size > MOST_BYTES_A_FILE]
        faults = [*faults_of(wheel, names), *(f"{name} is too large for code: it should not ship" for name in large)]
    print("\n".join(faults) or f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} kB, pure Python")
    return 1 if faults else 0


def faults_of(wheel: Path, names: list[str]) -> Iterator[str]:
    """Yield what is wrong with a wheel that holds files of these names."""
    if not wheel.name.endswith("-py3-none-any.whl"):
        yield f"{wheel.name} is not a pure-Python wheel (py3-none-any)"
    if wheel.stat().st_size > MOST_BYTES:
        yield f"{wheel.name} is larger than two megabytes: something is in it that should not ship"
    for name in names:
        path = PurePosixPath(name)
        if path.parts[0].endswith(".dist-info"):
            continue
        if path.parts[0] != "gatewise":
            yield f"{name} is outside of the package"
        elif name not in SHIPPED_DATA and path.suffix not in SHIPPED_SUFFIXES:
            yield f"{name} is neither code nor listed among what ships"
    for name in sorted(NEEDED - set(names)):
        yield f"{name} is missing"
    if not any(PurePosixPath(name).name == "LICENSE" and ".dist-info/" in name for name in names):
        yield "LICENSE is missing"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
