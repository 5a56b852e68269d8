"""Runs the ratios of speed.py again and holds them to the committed baseline, with the noise of both shown.

    python benchmarks/compare.py --peer-python PATH [--pairs 9] [--baseline benchmarks/baseline.json] [--write]

A ratio has fallen where even its upper quartile is below `ALLOWED` of the baseline's lower quartile: that is more than noise. Exit code 1
if any has.
``--write`` makes what was measured the baseline.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from ratios import grid, spread, told

BASELINE: Final = Path(__file__).parent / "baseline.json"
ALLOWED: Final = 0.95


def measured(python: str, pairs: int) -> dict[str, list[float]]:
    """Median, lower and upper quartile by point and direction."""
    found = {}
    for point, ratios in grid(python, pairs=pairs):
        for direction in ("decode", "encode"):
            found[f"{point.name}, {direction}"] = [round(figure, 3) for figure in spread(getattr(ratios, direction))]
    return found


def fallen(before: list[float], now: list[float]) -> bool:
    """Whether noise cannot explain the difference."""
    return now[2] < ALLOWED * before[1]


def line(name: str, before: list[float] | None, now: list[float]) -> str:
    """A row of the comparison."""
    cells = [told(figures) if figures else "-" for figures in (before, now)]
    verdict = "" if before is None else "fallen" if fallen(before, now) else "risen" if fallen(now, before) else "same"
    return f"{name:32} {cells[0]:>24} {cells[1]:>24}  {verdict}"


def main() -> int:
    """Measures, prints, and says whether a ratio has fallen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="Python of the independent codec's environment (tests/peer/setup)")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    before: dict[str, list[float]] = json.loads(arguments.baseline.read_text(encoding="utf-8")) if arguments.baseline.exists() else {}
    now = measured(arguments.peer_python, arguments.pairs)
    print(f"{'times as fast as the peer':32} {'baseline':>24} {'now':>24}")
    for name, figures in now.items():
        print(line(name, before.get(name), figures))
    missing = sorted(set(before) - set(now))
    if missing:
        sys.exit(f"the baseline has points that were not measured: {', '.join(missing)}")
    if arguments.write:
        arguments.baseline.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        return 0
    return int(any(fallen(before[name], figures) for name, figures in now.items() if name in before))


if __name__ == "__main__":
    sys.exit(main())
