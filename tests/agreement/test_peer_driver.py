"""The driver of the independent codec, held against stand-ins that refuse, hang, die and talk
nonsense.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers.peer_driver import Peer, PeerError, PeerTimeoutError
from safetensors.numpy import save_file

STAND_IN = """
import json, os, shutil, sys, time
for line in sys.stdin:
    job = json.loads(line)
    what = open(job["stream"]).read() if "stream" in job else "good"
    if what == "hang":
        time.sleep(600)
    if what == "die":
        print("something went wrong", file=sys.stderr, flush=True)
        os._exit(3)
    if what == "nonsense":
        print("no JSON", flush=True)
        continue
    if what == "refuse":
        print(json.dumps({"ok": False, "error": "ValueError: not today"}), flush=True)
        continue
    if job["op"] == "encode":
        shutil.copy(job["input"], job["output"])
    if job["op"] == "decode":
        shutil.copy(PATH, job["output"])
    print(json.dumps({"ok": True}), flush=True)
"""


@contextmanager
def running(tmp_path: Path, seconds: float = 20.0) -> Iterator[Peer]:
    """A peer that echoes: encode gives the tensors' file, decode a fixed one."""
    save_file({"w": np.arange(3, dtype=np.float32)}, tmp_path / "fixed.safetensors")
    program = tmp_path / "stand_in.py"
    program.write_text(f"PATH = {str(tmp_path / 'fixed.safetensors')!r}\n" + STAND_IN)
    with Peer(sys.executable, seconds=seconds, program=program) as peer:
        yield peer


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_serves_many_calls(tmp_path: Path) -> None:
    with running(tmp_path) as peer:
        for _ in range(3):
            assert peer.decode(b"good")["w"].tolist() == [0.0, 1.0, 2.0]
        assert b"tensor" in peer.encode({"tensor": np.zeros(2, np.float32)}, qp=-20)
        assert peer.starts == 1
        assert peer.process is not None
        pid = peer.process.pid
    assert not is_alive(pid)


def test_a_hang_is_cut_off_and_the_next_call_starts_anew(tmp_path: Path) -> None:
    with running(tmp_path, seconds=0.3) as peer:
        with pytest.raises(PeerTimeoutError, match="no answer to decode in"):
            peer.decode(b"hang")
        assert peer.process is None
        assert peer.decode(b"good")["w"].shape == (3,)
        assert peer.starts == 2


@pytest.mark.parametrize(("stream", "message"), [(b"die", "something went wrong"), (b"nonsense", "died during decode")])
def test_a_process_that_fails_is_replaced(tmp_path: Path, stream: bytes, message: str) -> None:
    with running(tmp_path) as peer:
        with pytest.raises(PeerError, match=message):
            peer.decode(stream)
        assert peer.decode(b"good")["w"].shape == (3,)
        assert peer.starts == 2


def test_a_refusal_is_told_and_the_process_stays(tmp_path: Path) -> None:
    with running(tmp_path) as peer:
        with pytest.raises(PeerError, match="ValueError: not today"):
            peer.decode(b"refuse")
        assert peer.decode(b"good")["w"].shape == (3,)
        assert peer.starts == 1
