"""Measure how long a browser takes to open the report of a run of 2,000 cases.

    nox -s report-page [-- --rounds N] [--limit MS]

The page is opened N times in Chromium. `busy` is the time of the page's own thread until it is
drawn, which other processes do not add to; `loaded` the wall time until it is loaded. Prints the
medians; the exit code is 1 if `busy` exceeds the limit.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from helpers.large_report import CASES, many_cases  # noqa: E402
from helpers.report_documents import document  # noqa: E402

from nnc_conformance.reports.html import render_html  # noqa: E402
from nnc_conformance.reports.results import loaded  # noqa: E402
from nnc_conformance.reports.summary import build_report  # noqa: E402

LIMIT = 1000.0
"""Milliseconds that opening the page may keep its thread busy."""


def main() -> int:
    """Run the benchmark; return 1 above the limit."""
    parser = argparse.ArgumentParser(prog="benchmarks/report_page.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="times the page is opened (default %(default)s)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="milliseconds (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nnc-report-page-") as folder:
        page = Path(folder) / "report.html"
        page.write_text(render_html(build_report([loaded("results.json", document(*many_cases(CASES)))])))
        command = ["node", str(TESTS / "browser" / "opened.mjs"), str(page), str(options.rounds)]
        measured = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        size = page.stat().st_size
    busy, loaded_after = statistics.median(measured["busy"]), statistics.median(measured["loaded"])
    print(f"{CASES} cases, {size / 1e6:.1f} MB: busy for {busy:.0f} ms, loaded after {loaded_after:.0f} ms")
    return int(busy > options.limit)


if __name__ == "__main__":
    sys.exit(main())
