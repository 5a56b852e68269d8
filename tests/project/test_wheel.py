"""The wheel holds all that the main job needs: built from a copy, unpacked and run from elsewhere,
with the vectors inside it.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.checkout import ROOT, copy_to, sources

from nnc_conformance.suites.results.result_files import load_results


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a copy of the sources: a build writes into its folder, and another test process may be
    building too.
    """
    built = tmp_path_factory.mktemp("wheel")
    copy_to(built / "sources")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(built / "sources")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(built / "site")
    return built / "site"


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "least"), [("*-0*", 15), pytest.param("*", 40, marks=pytest.mark.exhaustive)])
def test_the_wheel_judges_the_core_suite_from_elsewhere(site: Path, tmp_path: Path, pattern: str, least: int) -> None:
    code = (
        "import nnc_conformance.cli.main as m; from nnc_conformance.storage.suite_folder import built_in_root; "
        f"assert m.__file__.startswith({str(site)!r}); assert str(built_in_root()).startswith({str(site)!r}); m.main()"
    )
    words = ["run", "--level", "core", "--filter", f"id={pattern}", "--output", str(tmp_path / "out"), "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = load_results(tmp_path / "out" / "results.json")
    on_disk = sum(1 for path in (ROOT / "vectors" / "core").glob(pattern) if path.is_dir())
    assert sum(case.level == "core" for case in results.cases) == on_disk >= least
    assert {case.outcome for case in results.cases} == {"pass"}


@pytest.mark.slow
def test_every_data_file_is_in_the_wheel(site: Path) -> None:
    folders = ("reference", "storage", "generator", "suites", "encoders", "faults", "reports", "cli", "vectors")
    for name in sources():
        if name.split("/")[0] in folders:
            assert (site / "nnc_conformance" / name).is_file(), name
