"""Commands killed at random moments: nothing half-written passes for whole, and once more gives the
bytes that they would have given.
"""

import fcntl
import os
from pathlib import Path

import pytest
from crash.commands import COMMANDS

from nnc_conformance.generator.generate import GenerateError, generate
from nnc_conformance.storage import outputs

TRIALS = 4


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_commands_leave_nothing_half_and_are_completed(name: str, tmp_path: Path) -> None:
    with COMMANDS[name](tmp_path) as command:
        tally = command.try_out(seed=19, count=TRIALS)
    assert tally.killed >= TRIALS // 2


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half of a longer one")
    outputs.write_bytes(tmp_path / "file", b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"whole"}


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        outputs.write_bytes(tmp_path / "folder", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_two_do_not_generate_into_one_folder(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(GenerateError, match="another process"):
        generate([], out=tmp_path)
    os.close(handle)
