"""The in-tree worker is ready only when all kernels are compiled, whoever else compiles them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.samples import SAMPLES

from nnc_conformance import reference
from nnc_conformance.storage.safetensors_format import load_safetensors
from nnc_conformance.suites.decoders.python_worker import WARM_UP

WORKER = [sys.executable, "-m", "nnc_conformance.suites.decoders.python_worker", "in-tree"]


def ask(worker: "subprocess.Popen[str]", **request: str) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


@pytest.mark.exhaustive
def test_two_workers_compile_at_once_and_their_cases_meet_compiled_kernels(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = os.environ | {"NNC_CACHE_DIR": str(cache)}
    workers = [
        subprocess.Popen(WORKER, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(2)
    ]
    for worker in workers:
        assert ask(worker, type="start", protocol="nnc-worker/1") == {"type": "started", "protocol": "nnc-worker/1"}
    compiled = {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}
    assert compiled
    for worker in workers:
        for sample in SAMPLES:
            output = tmp_path / "output.safetensors"
            answer = ask(worker, type="decode", id=sample.stem, stream=str(sample), output=str(output), topology=str(tmp_path / "topology"))
            assert answer == {"type": "decoded", "id": sample.stem}
            assert same(output, sample)
            output.unlink()
        damaged = tmp_path / "damaged.nnr"
        damaged.write_bytes(SAMPLES[0].read_bytes()[:-20])
        assert ask(worker, type="decode", id="x", stream=str(damaged), output=str(output), topology="")["type"] == "refused"
        assert worker.communicate('{"type": "stop"}\n')[0] == ""
        assert worker.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")} == compiled, "a case had to wait for the compiler"


def same(output: Path, sample: Path) -> bool:
    left, right = (load_safetensors(path.read_bytes()) for path in (output, sample.with_suffix(".safetensors")))
    return {name: array.tobytes() for name, array in left.items()} == {name: array.tobytes() for name, array in right.items()}


def test_the_warm_up_stream_is_what_it_says() -> None:
    decoded = reference.decode(WARM_UP).parameters
    assert {name: array.tolist() for name, array in decoded.items()} == {"a": [0.0625, -0.125], "b": [0.125, -0.125], "c": [1, -2]}
    assert decoded["c"].dtype == np.int32
