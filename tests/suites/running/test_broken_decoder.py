"""A decoder with one wrong table entry fails vectors, and the run ends with exit code 1."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnc_conformance.suites.results.result_files import load_results

BROKEN = Path(__file__).parents[2] / "helpers" / "broken_decoder.py"


@pytest.mark.slow
@pytest.mark.parametrize(("table", "place"), [("lps_range", 40), pytest.param("state_trans", 5, marks=pytest.mark.exhaustive)])
def test_one_wrong_table_entry_fails_the_run(tmp_path: Path, table: str, place: int) -> None:
    decoder = f"command:{sys.executable} {BROKEN} {table} {place} {{stream}} {{output}}"
    words = ["run", "--decoder", decoder, "--output", str(tmp_path), "--filter", "id=dq-*", "--level", "core", "--jobs", "2"]
    command = [sys.executable, "-c", "from nnc_conformance.cli.main import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    results = load_results(tmp_path / "results.json")
    failed = [case for case in results.cases if case.outcome in ("fail", "refused")]
    assert failed
    for case in failed:
        assert "dq_flag" in case.elements
    assert "report.html" in done.stdout.splitlines()[-1]
