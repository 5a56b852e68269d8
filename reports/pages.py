"""Writing the files of a report."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from nnc_conformance.reports.badge import render_badge_endpoint, render_badge_svg
from nnc_conformance.reports.csv import render_csv
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.junit import render_junit, render_surefire
from nnc_conformance.reports.markdown import render_markdown
from nnc_conformance.reports.report import Report
from nnc_conformance.storage import outputs

HTML_FILE: Final = "report.html"
"""Name of the HTML report in the folder of a run."""

PAGES: Final[dict[str, Callable[[Report], str]]] = {
    HTML_FILE: render_html,
    "report.md": render_markdown,
    "junit.xml": render_junit,
    "surefire.xml": render_surefire,
    "cases.csv": render_csv,
    "badge.json": render_badge_endpoint,
    "badge.svg": render_badge_svg,
}
"""Each file of a report with its renderer."""

RUN_PAGES: Final = (HTML_FILE, "report.md", "junit.xml")
"""The files that a run writes next to its results."""


STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the file of a GitHub Actions step's summary."""

_SUMMARY_BYTES: Final = 1 << 20
"""Bytes that GitHub accepts from one step."""


def write_step_summary(report: Report, file: Path) -> None:
    """Append the Markdown report to a step's summary.

    If it does not fit, it is cut at the end of a line.

    Raise `OSError`.
    """
    room = _SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0)
    text = (render_markdown(report) + "\n").encode()
    if len(text) > room:
        text = text[: text.rfind(b"\n", 0, max(0, room)) + 1]
    outputs.append_bytes(file, text)


def remove_run_pages(folder: Path) -> None:
    """Remove the pages that an earlier run wrote into ``folder``. Raises `OSError`."""
    for name in RUN_PAGES:
        (folder / name).unlink(missing_ok=True)


def write_pages(report: Report, folder: Path, names: Iterable[str] = tuple(PAGES)) -> Path:
    """Write the named files into ``folder``, created if needed.

    Return the path of the HTML report.

    Raises `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        outputs.write_text(folder / name, PAGES[name](report))
    return folder / HTML_FILE
