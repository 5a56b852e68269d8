"""What needs no Linux runs without it: coding and looking into streams, and checking a suite."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from hostile import support

from nnc_conformance.storage.safetensors_format import dump_safetensors

SCRIPT = """
import io, shlex, sys, psutil
from pathlib import Path

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def without_proc(self, *arguments, _open=io.open, **options):
    assert not str(self).startswith("/proc"), self
    return _open(self, *arguments, **options)

for name in ("fcntl", "resource"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())
io.open = without_proc
from nnc_conformance.cli.main import main
for line in sys.stdin:
    code, *words = shlex.split(line)
    try:
        main(words)
    except SystemExit as left:
        assert int(left.code or 0) == int(code), (line, left.code)
"""
"""Runs the command lines of its standard input, each after its exit code, without two modules of
Unix and without /proc for paths.
"""


def test_codec_and_inspection_need_no_linux(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(dump_safetensors({"w": np.arange(12, dtype=np.float32).reshape(3, 4)}))
    support.write_suite(tmp_path / "suite", support.good_vectors(2))
    lines = (
        "0 encode model.safetensors model.nnr",
        "0 decode model.nnr out.safetensors",
        "0 inspect model.nnr --values",
        "0 trace model.nnr --bins",
        "0 trace model.nnr --html trace.html",
        "1 lint suite",
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input="\n".join(lines),
        cwd=tmp_path,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.safetensors").exists() and (tmp_path / "trace.html").exists()


def test_without_locks_compiled_code_is_not_kept(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['fcntl'] = None\nfrom nnc_conformance.reference.entropy import compiled; print(compiled._cache_folder())"
    )
    environment = os.environ | {"NNC_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    assert "every start compiles again" in done.stderr and not (tmp_path / "cache").exists()
