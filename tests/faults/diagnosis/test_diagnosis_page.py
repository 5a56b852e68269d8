"""docs/diagnosis.md: its figures are those of its own tables."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs" / "diagnosis.md").read_text()


def rows(heading: str, text: str = PAGE) -> list[list[str]]:
    """The cells of the table under the first column heading."""
    lines = text.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].split("\n")[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_figures_are_counted_from_the_table() -> None:
    bugs = rows("bug | what it does")
    assert len(bugs) == len({row[0] for row in bugs}) == 40
    elements = [row[4] for row in bugs if not row[4].startswith("**no**")]
    causes = [row[5] for row in bugs if row[5] != "**no**"]
    assert f"| an element among the three that are named | **{len(elements)}** | 40 |" in PAGE
    assert f"| the element named first | {sum(cell.startswith('1:') for cell in elements)} | 40 |" in PAGE
    assert f"| a cause among the first three | **{len(causes)}** | 40 |" in PAGE
    for row in bugs:
        place, _, named = row[4].partition(": ")
        if place != "**no**":
            assert named.split(", ")[int(place) - 1] in row[3].split(", ")


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
