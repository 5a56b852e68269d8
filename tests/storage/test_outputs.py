"""Outputs: modes, owners, links, devices, FIFOs, descriptors, full disks, and outputs that are
inputs.
"""

import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nnc_conformance.storage import outputs
from nnc_conformance.storage.outputs import OutputError, refuse_inputs, write_bytes, write_folder

NOBODY = 65534


@contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_a_new_file_gets_its_mode_from_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        write_bytes(tmp_path / "new", b"data")
    assert mode(tmp_path / "new") == 0o666 & ~mask


def test_what_a_killed_writer_left_open_to_all_does_not_open_the_next_output(tmp_path: Path) -> None:
    (tmp_path / ".new.new").touch(mode=0o666)
    with umask(0o077):
        write_bytes(tmp_path / "new", b"data")
    assert (mode(tmp_path / "new"), names(tmp_path)) == (0o600, ["new"])


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o755])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(kept)
    write_bytes(path, b"data")
    assert (mode(path), path.read_bytes()) == (kept, b"data")


def test_an_existing_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    before = path.stat()
    write_bytes(path, b"data")
    assert (path.stat().st_uid, path.stat().st_gid) == (before.st_uid, before.st_gid)


WRITE = "import sys; from pathlib import Path; from nnc_conformance.storage import outputs; outputs.write_bytes(Path(sys.argv[1]), b'data')"


def test_a_file_that_the_user_may_not_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "old").write_bytes(b"old")
    (folder / "old").chmod(0o444)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(folder)
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            write_bytes(Path("old"), b"data")
        except PermissionError as error:
            code = 0 if error.filename == "old" else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ((folder / "old").read_bytes(), names(folder)) == (b"old", ["old"])


def test_links_are_followed_and_stay(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    target = tmp_path / "deep" / "target"
    target.write_bytes(b"old")
    (tmp_path / "second").symlink_to("deep/target")
    (tmp_path / "first").symlink_to("second")
    write_bytes(tmp_path / "first", b"data")
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert target.read_bytes() == b"data"
    assert names(tmp_path / "deep") == ["target"]


def test_a_dangling_link_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to("deep/target")
    write_bytes(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "deep" / "target").read_bytes() == b"data"


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links") as raised:
        write_bytes(tmp_path / "a", b"data")
    assert raised.value.errno == errno.ELOOP


def test_other_names_of_a_hard_linked_file_keep_what_they_had(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "other").hardlink_to(tmp_path / "old")
    write_bytes(tmp_path / "old", b"data")
    assert ((tmp_path / "old").read_bytes(), (tmp_path / "other").read_bytes()) == (b"data", b"old")


@pytest.mark.parametrize("through_link", [False, True])
def test_a_fifo_gets_all_bytes_and_stays(tmp_path: Path, through_link: bool) -> None:
    fifo, data = tmp_path / "fifo", os.urandom(300_000)
    os.mkfifo(fifo)
    (tmp_path / "link").symlink_to("fifo")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    write_bytes(tmp_path / "link" if through_link else fifo, data)
    reader.join()
    assert received == [data]
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    assert names(tmp_path) == ["fifo", "link"]


def test_devices_are_written_to_and_stay(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "null"):
        write_bytes(path, b"data")
    assert stat.S_ISCHR(Path("/dev/null").lstat().st_mode)
    with pytest.raises(OSError, match="/dev/full") as raised:
        write_bytes(Path("/dev/full"), b"data")
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "link"])
@pytest.mark.parametrize("appended", [False, True])
def test_an_open_descriptor_is_written_to_where_it_stands(tmp_path: Path, name: str, appended: bool) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    file = tmp_path / "file"
    file.write_bytes(b"before ")
    with file.open("ab" if appended else "r+b") as out:
        out.seek(7)
        program = f"print('printed', end=' '); {WRITE}"
        subprocess.run([sys.executable, "-c", program, name], cwd=tmp_path, stdout=out, check=True)
    assert file.read_bytes() == b"before printed data"
    assert names(tmp_path) == ["file", "link"]


def test_descriptors_beyond_the_standard_ones(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    for name in (f"/dev/fd/{writer}", f"/proc/self/fd/{writer}", f"/proc/{os.getpid()}/fd/{writer}"):
        write_bytes(Path(name), b"data")
        assert os.read(reader, 100) == b"data"
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match=f"/dev/fd/{writer}"):
        write_bytes(Path(f"/dev/fd/{writer}"), b"data")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    program = WRITE.replace("b'data'", "bytes(100_000)")
    done = subprocess.run(
        [sys.executable, "-c", program, "old"], cwd=tmp_path, preexec_fn=bounded, capture_output=True, text=True, check=False
    )
    assert "File too large: 'old'" in done.stderr
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["old"])


def test_a_full_disk_leaves_no_half_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "w.dat":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.write_bytes(data)

    monkeypatch.setattr(outputs, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*model\.nnef'"):
        write_folder(tmp_path / "model.nnef", {"graph.nnef": b"graph", "deep/w.dat": b"data"})
    assert names(tmp_path) == []


def test_a_folder_is_written_whole_into_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir(mode=0o700)
    write_folder(tmp_path / "model", {"graph.nnef": b"graph", "deep/w.dat": b"data"})
    assert (tmp_path / "model" / "deep" / "w.dat").read_bytes() == b"data"
    assert (mode(tmp_path / "model"), names(tmp_path)) == (0o700, ["model"])
    with pytest.raises(OutputError, match="not an empty folder"):
        write_folder(tmp_path / "model", {"graph.nnef": b"other"})
    assert (tmp_path / "model" / "graph.nnef").read_bytes() == b"graph"


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "folder"])
def test_what_somebody_put_at_the_temporary_name_is_not_written_to(tmp_path: Path, kind: str) -> None:
    trap, victim = tmp_path / ".out.new", tmp_path / "victim"
    victim.write_bytes(b"precious")
    match kind:
        case "link":
            trap.symlink_to("victim")
        case "hard link":
            trap.hardlink_to(victim)
        case "fifo":
            os.mkfifo(trap)
        case _:
            trap.mkdir()
    write_bytes(tmp_path / "out", b"data")
    assert ((tmp_path / "out").read_bytes(), victim.read_bytes()) == (b"data", b"precious")
    assert names(tmp_path) == [".out.new", "out", "victim"]


def test_a_stranger_who_waits_at_the_temporary_name_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / ".out.new"
    trap.touch()
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    with trap.open("rb") as waiting, umask(0o077):
        write_bytes(tmp_path / "out", b"confidential")
        assert waiting.read() == b""
    assert (trap.exists(), mode(tmp_path / "out")) == (True, 0o600)


def test_an_output_that_is_an_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = tmp_path / "model", tmp_path / "other"
    model.write_bytes(b"model")
    other.write_bytes(b"other")
    (tmp_path / "link").symlink_to("model")
    (tmp_path / "hard").hardlink_to(model)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_bytes(b"part")
    monkeypatch.chdir(tmp_path)
    for out in (model, Path("model"), tmp_path / "folder" / ".." / "model", tmp_path / "link", tmp_path / "hard"):
        with pytest.raises(OutputError, match="the same file as the input"):
            refuse_inputs(out, [other, model])
        with pytest.raises(OutputError, match="the same file as the input"):
            refuse_inputs(model, [out])
    with pytest.raises(OutputError, match="part of the input"):
        refuse_inputs(tmp_path / "folder" / "part", [tmp_path / "folder"])
    refuse_inputs(tmp_path / "new", [model, tmp_path / "missing", tmp_path / "folder"])
    refuse_inputs(tmp_path / "folder" / "new", [tmp_path / "folder"])
    refuse_inputs(Path("/dev/null"), [Path("/dev/null")])
