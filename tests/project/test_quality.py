"""The repository's own rules: lint, format, types, import order of the packages, and packages that
the wheel does not forget.
"""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = ("reference", "storage", "generator", "suites", "encoders", "faults", "reports", "cli")


def run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check() -> None:
    run("ruff", "check", ".")


def test_ruff_format() -> None:
    run("ruff", "format", "--check", ".")


@pytest.mark.slow
def test_mypy_strict(tmp_path: Path) -> None:
    namespace = tmp_path / "nnc_conformance"
    namespace.mkdir()
    for folder in FOLDERS:
        (namespace / folder).symlink_to(ROOT / folder)
    packages = [word for folder in FOLDERS for word in ("-p", f"nnc_conformance.{folder}")]
    scripts = [word for path in (ROOT / "benchmarks").glob("*.py") for word in ("-m", path.stem)]
    run("mypy", "--config-file", str(ROOT / "pyproject.toml"), *packages, *scripts, cwd=tmp_path)


def test_imports_run_one_way() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_package_is_in_the_wheel(folder: str) -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {".".join(("nnc_conformance", *path.parent.relative_to(ROOT).parts)) for path in (ROOT / folder).rglob("*.py")}
    assert found <= listed
    assert {name for name in listed if name.split(".")[1] == folder} == found


def test_reference_and_product_never_import_the_peer() -> None:
    for folder in (*FOLDERS, "benchmarks", "examples"):
        for source in (ROOT / folder).rglob("*.py"):
            assert "import nncodec" not in source.read_text()
            assert "from nncodec" not in source.read_text()


def functions(folder: str) -> list[tuple[str, ast.FunctionDef]]:
    """Return the functions and methods of a package, with the place of each."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_longer_functions_have_a_docstring(folder: str) -> None:
    """Those of at least five lines, but for special methods and bodies of one statement."""
    longer = [(place, node) for place, node in functions(folder) if (node.end_lineno or 0) - node.lineno >= 4 and len(node.body) > 1]
    assert longer
    assert [place for place, node in longer if not node.name.startswith("__") and ast.get_docstring(node) is None] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_first_sentences_of_docstrings_have_at_most_15_words(folder: str) -> None:
    firsts = [(place, re.split(r"(?<=[.:;])\s", text)[0]) for place, node in functions(folder) if (text := ast.get_docstring(node))]
    assert firsts
    assert [place for place, first in firsts if len(first.split()) > 15] == []
