"""The documentation as a site: built strictly, with what is made when it is built."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "codebook_egk" in (tmp_path / "syntax" / "index.html").read_text()
    assert "total_bytes" in (tmp_path / "python" / "index.html").read_text()
    assert (tmp_path / "deepcabac-busy-interval.svg").exists()
