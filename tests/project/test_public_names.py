"""No two public classes have the same name, so that a name says which class is meant without its
module.
"""

import ast
from collections import defaultdict
from pathlib import Path

from project.test_quality import FOLDERS, ROOT


def public_classes() -> dict[str, list[str]]:
    """List the modules of each public class by its name."""
    modules = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                    modules[statement.name].append(str(path.relative_to(ROOT)))
    return modules


def test_no_two_public_classes_share_a_name() -> None:
    assert {name: modules for name, modules in public_classes().items() if len(modules) > 1} == {}


def test_the_search_finds_classes() -> None:
    classes = public_classes()
    assert classes["TensorCoding"] == [str(Path("reference", "entropy", "coding.py"))]
    assert len(classes) > 200
