"""Pytest with this package's plugin, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

MODULE = "nnc_conformance.cli.pytest_plugin"


def run_pytest(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run pytest in a folder, without the other plugins that are installed, which take longer to
    load than it.
    """
    words = [sys.executable, "-m", "pytest", "-p", MODULE, "-p", "xdist.plugin", "-p", "no:cacheprovider", *map(str, arguments)]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(words, cwd=folder, env=alone, capture_output=True, text=True, check=False, timeout=120)
