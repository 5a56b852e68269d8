"""Hooks of MkDocs: pages made when the site is built, and links to files outside docs/.

``syntax.md`` lists the registry of syntax elements with the number of vectors that contain each;
the pictures of ``deepcabac.md`` are drawn from traces of vectors.
"""

import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

from nnc_conformance.reference.syntax.elements import ELEMENTS, ElementRow
from nnc_conformance.reference.tracer import TraceLine, trace
from nnc_conformance.reports.drawings.coder import CoderPlot, coder_plot
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import Level

EDITIONS = {
    2022: "ISO/IEC 15938-17:2022, the first edition",
    2024: "ISO/IEC 15938-17:2024, the second edition: elements that only streams with general_profile_idc 1 have",
}
COVERING = (Level.CORE, Level.FULL, Level.NEGATIVE, Level.DISPUTED, Level.INFERRED)
DRAWN = {"sparse": "cabac-random-sparse", "busy": "cabac-random-medium"}
STATE_BINS, INTERVAL_BINS = 3000, 200
"""Bins drawn in the pictures of states and of the interval."""
COLOURS = ("#0b6e99", "#c4421a", "#4d7c0f", "#7c3aed", "#a16207", "#be185d")
LINE = 16
OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+((?!how-to/)[^)#]+)\)")

SUBSCRIPTS = re.compile(r"(\w)\[(\d+)\]\[(\d+)\]")


def count_elements(vectors: Iterable[StoredVector]) -> dict[Level, Counter[str]]:
    """Count the vectors of each level that contain each element."""
    counts = {level: Counter[str]() for level in COVERING}
    for stored in vectors:
        if stored.vector.level in counts:
            counts[stored.vector.level].update({element.partition("[")[0] for element in stored.vector.elements})
    return counts


def _row(row: ElementRow, counts: dict[Level, Counter[str]]) -> str:
    cells = [f"`{row.name}`", row.descriptor.replace("|", "\\|"), row.constraint or "any", str(row.provenance)]
    return "| " + " | ".join([*cells, *(str(counts[level][row.name] or "-") for level in COVERING)]) + " |"


def syntax_page() -> str:
    """Make the page of all syntax elements."""
    counts = count_elements(load_suite(built_in_root(), levels=set(COVERING), verify=False).vectors)
    lines = [
        "# Syntax elements",
        "",
        "Made from the registry (`reference/syntax/elements.py`) when this site is built. *Values* are those that a valid stream may have;",
        "*provenance* is explained in the [glossary](glossary.md#provenance). The numbers count the vectors of each level that contain the",
        "element. IvlOffset and IvlCurrRange are the state of the arithmetic decoder and not counted.",
        "",
    ]
    for edition, name in EDITIONS.items():
        lines += [f"## {name[0].upper()}{name[1:]}", ""]
        of_edition = [row for row in ELEMENTS.values() if row.edition == edition]
        for clause, structure in dict.fromkeys((row.clause, row.structure) for row in of_edition):
            rows = [row for row in of_edition if (row.clause, row.structure) == (clause, structure)]
            head = f"| element | descriptor | values | provenance | {' | '.join(COVERING)} |"
            lines += [f"### {clause} {structure}", "", head, "|---|---|---|---|" + "---:|" * len(COVERING)]
            lines += [*(_row(row, counts) for row in rows), ""]
    return "\n".join(lines)


def _first_codeword(vector_id: str) -> list[TraceLine]:
    stream = (built_in_root() / Level.FULL / vector_id / "stream.nnr").read_bytes()
    bins = [line for line in trace(stream, bins=True) if line.bin is not None and line.bin.index >= 0]
    return [line for line in bins if line.unit == bins[0].unit]


def _svg(lines: list[tuple[str, str]], title: str) -> str:
    """Draw named polylines."""
    height = CoderPlot.HEIGHT + LINE * (len(lines) + 1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CoderPlot.WIDTH} {height}" font-family="sans-serif" font-size="12">']
    parts += [
        f"<title>{escape(title)}</title>",
        f'<rect width="{CoderPlot.WIDTH}" height="{CoderPlot.HEIGHT}" fill="#fafafa" stroke="#cccccc"/>',
    ]
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1"/>')
        parts.append(f'<text x="4" y="{CoderPlot.HEIGHT + LINE * (number + 1)}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def pictures() -> dict[str, str]:
    """Draw the pictures of deepcabac.md; return them by file name."""
    made = {}
    for name, vector_id in DRAWN.items():
        bins = _first_codeword(vector_id)
        states, interval = coder_plot(bins[:STATE_BINS]), coder_plot(bins[:INTERVAL_BINS])
        contexts = [(f"{context.name}: {context.bins} bins", context.points) for context in states.contexts]
        coder = [("IvlCurrRange", interval.range_points), ("IvlOffset", interval.offset_points)]
        of = f"bins of the indexes of {vector_id}, the first"
        made[f"deepcabac-{name}-states.svg"] = _svg(contexts, f"State sums of the most used contexts over the {of} {states.bins}")
        made[f"deepcabac-{name}-interval.svg"] = _svg(coder, f"Range and offset over the {of} {interval.bins}")
    return made


def without_outside_links(markdown: str) -> str:
    """Replace links to files outside docs/ by the names of the files."""
    return OUTSIDE.sub(lambda link: f"{link[1]} (`{link[2]}`)", markdown)


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages and pictures to the site."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "syntax.md", content=syntax_page()))
    for name, picture in pictures().items():
        files.append(File.generated(config, name, content=picture))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Adapt the links of a page, and escape subscripts that would be read as links."""
    markdown = SUBSCRIPTS.sub(r"\1\[\2\]\[\3\]", markdown)
    return markdown if "/" in page.file.src_uri else without_outside_links(markdown)
