"""The lists of `nox -s coverage`, which takes long and runs seldom, name what there is."""

import runpy
from pathlib import Path

from helpers.reference_coverage import REASONS, functions

ROOT = Path(__file__).parents[2]


def test_every_pattern_matches_a_file() -> None:
    lists = runpy.run_path(str(ROOT / "noxfile.py"))
    patterns = (*lists["COVERING"], *lists["COVERING_KERNELS"])
    assert [pattern for pattern in patterns if not list((ROOT / "tests").rglob(pattern))] == []


def test_every_reason_has_its_function() -> None:
    found = {f"{path.relative_to(ROOT)}:{name}" for path in (ROOT / "reference").rglob("*.py") for name, _, _ in functions(path)}
    assert REASONS.keys() - found == set()
