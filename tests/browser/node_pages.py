"""Pages in a real Chromium, by a script of Node."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def run_in_node(script: str, pages: Mapping[str, str], folder: Path, *, seconds: float) -> dict:
    """What ``script`` prints of pages, by name.

    They are written into ``folder``, pictures of them to NNC_SCREENSHOTS or there.
    """
    shots = Path(os.environ.get("NNC_SCREENSHOTS", folder / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
    command = ["node", Path(__file__).with_name(script), shots, *(folder / f"{name}.html" for name in pages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
