"""docs/diagnosis.md: its figures are those of its own tables."""

import re
from pathlib import Path

import pytest
from helpers.benchmark_modules import benchmark

PAGE = (Path(__file__).parents[3] / "docs" / "diagnosis.md").read_text()


def rows(heading: str, text: str = PAGE) -> list[list[str]]:
    """The cells of the table under the first column heading."""
    lines = text.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].split("\n")[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.mark.parametrize(("edition", "count"), [(2022, 40), (2024, 20)])
def test_the_figures_are_counted_from_the_table(edition: int, count: int) -> None:
    text = benchmark("diagnosis").section_of(PAGE, edition)
    assert text.startswith(f"## {count} seeded bugs")
    bugs = rows("bug | what it does", text)
    assert len(bugs) == len({row[0] for row in bugs}) == count
    elements = [row[4] for row in bugs if not row[4].startswith("**no**")]
    causes = [row[5] for row in bugs if row[5] != "**no**"]
    assert f"| an element among the three that are named | **{len(elements)}** | {count} |" in text
    assert f"| the element named first | {sum(cell.startswith('1:') for cell in elements)} | {count} |" in text
    assert f"| a cause among the first three | **{len(causes)}** | {count} |" in text
    assert f"| the first cause | {sum(cell.startswith('1:') for cell in causes)} | {count} |" in text
    for row in bugs:
        place, _, named = row[4].partition(": ")
        if place != "**no**":
            assert named.split(", ")[int(place) - 1] in row[3].split(", ")


@pytest.mark.parametrize(("edition", "module"), [(2022, "seeded_bugs"), (2024, "seeded_bugs_2024")])
def test_the_bugs_of_a_section_are_the_first_of_their_module_in_order(edition: int, module: str) -> None:
    written = [fault.name for fault in benchmark(module).BUGS]
    shown = [row[0].strip("`") for row in rows("bug | what it does", benchmark("diagnosis").section_of(PAGE, edition))]
    assert shown == [name for name in written if name in shown]


def test_a_new_section_of_one_edition_leaves_the_other_sections_as_they_are() -> None:
    diagnosis = benchmark("diagnosis")
    first = "## 40 seeded bugs of the first edition that\n\nfirst\n\n"
    rest = "## Mutants\n\nrest\n"
    new = "## 20 seeded bugs of the second edition that\n\nnew\n\n"
    once = diagnosis.with_section(f"# Diagnosis\n\n{first}{rest}", 2024, new)
    assert once == f"# Diagnosis\n\n{first}{new}{rest}"
    newer = new.replace("20", "19")
    assert diagnosis.with_section(once, 2024, newer) == f"# Diagnosis\n\n{first}{newer}{rest}"
    assert diagnosis.section_of(once, 2022) == first
    assert diagnosis.section_of(once, 2024) == new


def test_the_wrong_entries_found_are_counted_from_their_table() -> None:
    text = PAGE.split("wrong entries of the coder's tables\n", 1)[1]
    right = [row[5] for row in rows("bug | what it does", text)]
    assert len(right) == 20
    assert f"| the entry among the first three causes | **{sum(cell != '**no**' for cell in right)}** | 20 |" in text
    assert f"| the entry as the first cause | {sum(cell.startswith('1:') for cell in right)} | 20 |" in text
    assert f"| the entry and its value as the first cause | {right.count('1: the entry and its value')} | 20 |" in text


def test_ten_failures_are_below_200_bytes() -> None:
    shrunk = rows("bug | vector")
    assert len(shrunk) == 10
    assert all(int(row[4]) < 200 <= int(row[3]) for row in shrunk)
