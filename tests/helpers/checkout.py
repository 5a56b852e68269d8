"""The files of this checkout that belong to the repository, and copies of them."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def sources() -> list[str]:
    """The repository's files that are there, by their paths in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [name for name in filter(None, listed) if (ROOT / name).is_file()]


def copy_to(folder: Path) -> None:
    """Copies them."""
    for name in sources():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
