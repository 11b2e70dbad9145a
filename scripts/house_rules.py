"""The house rules that no linter knows: sizes, names, arguments, what tracked files may mention, the version.

Every exception stands in a table here with its reason; one that is no longer needed is a fault, too.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MODULE_LINES = 500
FUNCTION_LINES = 60
ARGUMENTS = 8
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "managers"}

# Callable -> why it may have more arguments than the limit.
MANY_ARGUMENTS = {
    "gatewise.training.fit.fit": "has the signature of Keras's model.fit",
    "gatewise.training.ensemble.fit_ensemble": "has the signature of Keras's model.fit, and what an ensemble adds",
}
# A room all of whose functions may have more, and why.
MANY_ARGUMENTS_IN = {"gatewise.cli": "one argument for each flag that can be typed"}

# What no tracked file may hold: places that exist on one machine only, and hosts of package registries. Written in
# pieces, so that this file does not hold them either.
BANNED_TEXT = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w" + r"|(?<![\w.])/tmp/" + r"gw\b"),
    "a folder beside the checkout": re.compile(r"\.\./" + r"shared"),
    "a package registry": re.compile(
        r"\b(?:pypi\." + r"org|pythonhosted\." + r"org|registry\.npmjs\." + r"org|deb\.debian\." + r"org"
        r"|download\.pytorch\." + r"org|conda\.anaconda\." + r"org)"
    ),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print every fault and return how the script should end."""
    used: set[str] = set()
    faults = []
    for path in tracked_files():
        faults += text_faults(path)
        if path.suffix == ".py":
            faults += module_faults(path, used)
    faults += [f"scripts/house_rules.py: the exception for {name} is not needed" for name in set(MANY_ARGUMENTS) - used]
    faults += [*version_faults(), *test_name_faults()]
    print("\n".join(sorted(faults)) or "house rules: no fault")
    return 1 if faults else 0


def test_name_faults() -> list[str]:
    """Return the test modules whose name another has, too: pytest imports one of them and loses the other's tests."""
    folders: dict[str, list[str]] = {}
    for path in tracked_files():
        if path.name.startswith("test_") and path.suffix == ".py":
            folders.setdefault(path.name, []).append(str(path.parent.relative_to(ROOT)))
    return [f"{name}: in {' and in '.join(found)}; rename one" for name, found in folders.items() if len(found) > 1]


def tracked_files() -> list[Path]:
    """Return the files that git knows, new ones that it does not ignore included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def text_faults(path: Path) -> Iterator[str]:
    """Look for text that no file may hold."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, start=1):
        for what, pattern in BANNED_TEXT.items():
            found = pattern.search(line)
            if found:
                yield f"{relative(path)}:{number}: mentions {what}: {found.group()}"


def module_faults(path: Path, used: set[str]) -> Iterator[str]:
    """Look at one Python file; adds to `used` the exceptions that it needs."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{relative(path)}: {lines} lines, and at most {MODULE_LINES} are allowed: split it by subject"
    if path.stem in BANNED_MODULES or BANNED_MODULES & set(relative(path).parts[:-1]):
        yield f"{relative(path)}: name it for what is in it, not {path.stem}"
    tree = ast.parse(text)
    shipped = (ROOT / "src") in path.parents
    if shipped and re.search(r"^from __future__ import annotations", text, re.MULTILINE):
        yield f"{relative(path)}: annotations as strings switch the shape checks off: drop the __future__ import"
    for name, function in functions(tree):
        length = body_lines(function)
        if length > FUNCTION_LINES:
            where = f"{relative(path)}:{function.lineno}: {name}"
            yield f"{where} has a body of {length} lines, and at most {FUNCTION_LINES} are allowed: split it"
        if shipped:
            yield from argument_faults(path, name, function, used)


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function of a module with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, prefix)


def body_lines(function: Function) -> int:
    """Return how many lines a function's body has; its signature and its docstring are not counted."""
    body = function.body if ast.get_docstring(function, clean=False) is None else function.body[1:]
    return (function.end_lineno or body[0].lineno) - body[0].lineno + 1 if body else 0


def argument_faults(path: Path, name: str, function: Function, used: set[str]) -> Iterator[str]:
    """Count the arguments of a public callable."""
    module = ".".join((path.relative_to(ROOT / "src")).with_suffix("").parts)
    parts = name.split(".")
    public = not any(part.startswith("_") and not (part.startswith("__") and part.endswith("__")) for part in parts)
    arguments = function.args
    count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    first = next(iter([*arguments.posonlyargs, *arguments.args]), None)
    if first is not None and first.arg in ("self", "cls"):
        count -= 1
    if not public or count <= ARGUMENTS or any(module.startswith(room) for room in MANY_ARGUMENTS_IN):
        return
    full = f"{module}.{name}"
    if full in MANY_ARGUMENTS:
        used.add(full)
    else:
        yield (
            f"{relative(path)}:{function.lineno}: {name} has {count} arguments, and at most {ARGUMENTS} are "
            "allowed: gather those that belong together in a class"
        )


def version_faults() -> Iterator[str]:
    """Compare the version with the newest entry of the changelog."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/gatewise/version.py").read_text(encoding="utf-8"))
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if version is None or newest is None or version.group(1) != newest.group(1):
        found = [match.group(1) if match else "none" for match in (version, newest)]
        yield f"CHANGELOG.md: its newest entry is {found[1]} and the version is {found[0]}: write the entry"


def relative(path: Path) -> Path:
    """Return a path as seen from the top of the checkout."""
    return path.relative_to(ROOT)


if __name__ == "__main__":
    sys.exit(main())
