"""The documentation: its commands run, its made pages hold what they say, its links lead somewhere."""

import importlib.util
import re
import xml.etree.ElementTree
from pathlib import Path
from types import ModuleType

import pytest
from helpers import docs_commands

from nnc_conformance.reference.syntax.elements import ELEMENTS

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
MADE = {"syntax.md", "deepcabac-sparse-states.svg", "deepcabac-busy-states.svg"} | {
    "deepcabac-sparse-interval.svg",
    "deepcabac-busy-interval.svg",
}
"""Made when the site is built."""
STATE = ["IvlOffset", "IvlCurrRange"]
"""Rows of the registry that are states of the coder, which no vector lists."""


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_with_commands_has_them_run() -> None:
    assert docs_commands.pages() == {*docs_commands.QUICK, *docs_commands.LONG, *docs_commands.BY_CI}


@pytest.mark.slow
@pytest.mark.parametrize("page", docs_commands.QUICK)
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    docs_commands.run(page, tmp_path)


def test_the_syntax_page_has_every_element_with_its_vectors(hooks: ModuleType) -> None:
    page = hooks.syntax_page()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ELEMENTS)
    cells = {row.split("|")[1].strip(" `"): [cell.strip() for cell in re.split(r"(?<!\\\\)\|", row)] for row in rows}
    assert set(cells) == set(ELEMENTS)
    covered = {name: any(number.isdigit() and int(number) > 0 for number in row[-5:-1]) for name, row in cells.items()}
    assert [name for name, is_covered in covered.items() if not is_covered and ELEMENTS[name].edition == 2022] == STATE


def test_the_syntax_page_has_both_editions(hooks: ModuleType) -> None:
    first, second = hooks.syntax_page().split("ISO/IEC 15938-17:2024")
    for name, row in ELEMENTS.items():
        page, other = (first, second) if row.edition == 2022 else (second, first)
        assert f"| `{name}` |" in page
        assert f"| `{name}` |" not in other


def test_the_pictures_are_svg_with_a_line_for_each_name(hooks: ModuleType) -> None:
    pictures = hooks.pictures()
    assert set(pictures) == MADE - {"syntax.md"}
    for text in pictures.values():
        root = xml.etree.ElementTree.fromstring(text)
        names = [child.tag.rpartition("}")[2] for child in root]
        assert names.count("polyline") == names.count("text") >= 2


def test_links_that_lead_out_of_the_site_become_names(hooks: ModuleType) -> None:
    assert hooks.without_outside_links("[a](../examples/cpp) [b](ci.md)") == "a (`examples/cpp`) [b](ci.md)"


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    lost = []
    for path in pages:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists() and Path(target).name not in MADE:
                lost.append(f"{path.name}: {target}")
    assert lost == []
