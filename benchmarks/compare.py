"""Measure the speed ratios of speed.py again and compare them with the committed baseline.

    python benchmarks/compare.py --peer-python PATH [--pairs 9] [--baseline FILE] [--write]

A ratio has dropped if its upper quartile is below `ALLOWED` times the baseline's lower quartile:
noise does not explain that. The exit code is 1 if any has.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from ratios import grid, spread, summary, whole_grid

BASELINE: Final = Path(__file__).parent / "baseline.json"
"""File with the ratios to compare with."""
ALLOWED: Final = 0.95
"""Share of the baseline below which a ratio has dropped."""


def measure(python: str, pairs: int) -> dict[str, list[float]]:
    """Measure median, lower and upper quartile, by point and direction."""
    figures_by_point = {}
    for point, ratios in grid(python, pairs=pairs):
        for direction in ("decode", "encode"):
            figures_by_point[f"{point.name}, {direction}"] = [round(figure, 3) for figure in spread(getattr(ratios, direction))]
    for whole, ratios in whole_grid(python, pairs=pairs):
        figures_by_point[f"{whole.name}, whole encode"] = [round(figure, 3) for figure in spread(ratios.encode)]
    return figures_by_point


def dropped(before: list[float], now: list[float]) -> bool:
    """Whether the second measurement is lower than noise explains."""
    return now[2] < ALLOWED * before[1]


def line(name: str, before: list[float] | None, now: list[float]) -> str:
    """Write a row of the comparison."""
    cells = [summary(figures) if figures else "-" for figures in (before, now)]
    verdict = "" if before is None else "lower" if dropped(before, now) else "higher" if dropped(now, before) else "same"
    return f"{name:32} {cells[0]:>24} {cells[1]:>24}  {verdict}"


def main() -> int:
    """Measure, print, and return 1 if a ratio has dropped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peer-python", required=True, metavar="PATH", help="Python of the independent codec's environment (tests/peer/setup)"
    )
    parser.add_argument("--pairs", type=int, default=9, help="pairs of measurements at each point (default %(default)s)")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="file to compare with (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="make these measurements the baseline")
    arguments = parser.parse_args()
    before: dict[str, list[float]] = json.loads(arguments.baseline.read_text(encoding="utf-8")) if arguments.baseline.exists() else {}
    now = measure(arguments.peer_python, arguments.pairs)
    print(f"{'times as fast as the peer':32} {'baseline':>24} {'now':>24}")
    for name, figures in now.items():
        print(line(name, before.get(name), figures))
    missing = sorted(set(before) - set(now))
    if missing:
        sys.exit(f"the baseline has points that are not measured any more: {', '.join(missing)}")
    if arguments.write:
        arguments.baseline.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        return 0
    return int(any(dropped(before[name], figures) for name, figures in now.items() if name in before))


if __name__ == "__main__":
    sys.exit(main())
