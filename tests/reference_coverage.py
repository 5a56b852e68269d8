"""Holds the line and branch coverage of reference/ to what must be reached, and writes docs/reference-coverage.md.

    python tests/reference_coverage.py COVERAGE_JSON

Every function with a line or branch that no test reaches needs its reason in `REASONS`; a reason without such a function is refused too.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reference-coverage.md"
LEAST: Final = 98.0
REASONS: Final[dict[str, str]] = {}
"""Why a function is not reached whole, by file and name."""


def functions(path: Path) -> list[tuple[str, int, int]]:
    """Qualified name, first and last line of each function of a file, inner ones after outer ones."""
    found: list[tuple[str, int, int]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}."
                if isinstance(child, ast.FunctionDef):
                    found.append((name[:-1], child.lineno, child.end_lineno or child.lineno))
            visit(child, name)

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def unreached(file: str, measured: dict[str, Any]) -> dict[str, list[str]]:
    """By function, the lines and branches that no test reaches."""
    places = [(line, str(line)) for line in measured["missing_lines"]]
    missing = set(measured["missing_lines"])
    for start, end in measured["missing_branches"]:
        if abs(start) not in missing:
            places.append((abs(start), f"{start}->{end if end > 0 else 'exit'}"))
    found: dict[str, list[str]] = {}
    for line, text in sorted(places):
        inside = [name for name, first, last in functions(ROOT / file) if first <= line <= last]
        found.setdefault(f"{file}:{inside[-1] if inside else 'module'}", []).append(text)
    return found


def page(totals: dict[str, Any], left: dict[str, list[str]]) -> str:
    """The page in Markdown."""
    lines = [
        "# Coverage of the reference",
        "",
        "Written by `nox -s coverage`: the tests' line and branch coverage of `reference/`, its kernels uncompiled.",
        "",
        f"**{totals['percent_covered']:.2f} %** of {totals['num_statements']} lines and {totals['num_branches']} branches;"
        f" {totals['missing_lines']} lines and {totals['missing_branches']} branches are not reached, each for a reason:",
        "",
        "| function | lines and branches | reason |",
        "|---|---|---|",
        *(f"| `{name}` | {', '.join(places)} | {REASONS.get(name, '')} |" for name, places in left.items()),
        "",
    ]
    return "\n".join(lines)


def main(report: str) -> int:
    """Writes the page; 1 where too little is reached or a reason is missing or superfluous."""
    document = json.loads(Path(report).read_text(encoding="utf-8"))
    left: dict[str, list[str]] = {}
    for file, measured in sorted(document["files"].items()):
        left |= unreached(file, measured)
    PAGE.write_text(page(document["totals"], left), encoding="utf-8")
    faults = [f"{name} is not reached whole ({', '.join(left[name])}), and no reason is given" for name in left if name not in REASONS]
    faults += [f"{name} is reached whole, but a reason is given why not" for name in REASONS if name not in left]
    if document["totals"]["percent_covered"] < LEAST:
        faults.append(f"{document['totals']['percent_covered']:.2f} % is less than {LEAST} %")
    for fault in faults:
        print(fault)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
