"""examples/federated, run as its README says, with fewer rounds."""

import csv
import subprocess
import sys
from pathlib import Path

from helpers import example_runs


def test_updates_are_smaller_than_models_and_teach_the_server(tmp_path: Path) -> None:
    script = example_runs.EXAMPLES / "federated" / "federated.py"
    words = [sys.executable, str(script), "--rounds", "3", "--clients", "2", "--output", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "rounds.csv").open() as file:
        rounds = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert [row["round"] for row in rounds] == [0, 1, 2, 3]
    assert all(row["down"] < row["full"] / 2 for row in rounds[1:])
    assert rounds[-1]["accuracy"] > rounds[0]["accuracy"] + 0.1
    assert (tmp_path / "rounds.svg").read_text().startswith("<svg")
