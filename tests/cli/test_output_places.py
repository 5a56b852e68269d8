"""Every command that writes a file, and every place that a file can be written to.

What each place must end as is decided here, not by `storage.outputs`, which all commands use.
"""

import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pytest
from helpers.command_line import nnc, piped
from helpers.keys import key_files
from helpers.permissions import bound_by_modes
from hostile import support

from nnc_conformance.faults.mutants.equivalents import arguments
from nnc_conformance.faults.score import run as mutation_run
from nnc_conformance.faults.score.score import Score
from nnc_conformance.generator.coverage import document as coverage_document
from nnc_conformance.generator.coverage import streams
from nnc_conformance.suites.running import decoder_run

OLD: Final = b"the only copy"
WEIGHTS: Final = np.random.default_rng(25).normal(0, 0.05, (64, 64)).astype(np.float32)

COMMANDS: Final = {
    "encode": "encode m.npz {out} --output-format nnr",
    "encode to a container": "encode m.npz {out} --output-format safetensors",
    "encode to data units in ONNX": "encode graph.onnx {out} --output-format onnx",
    "encode --report": "encode wide.npz /dev/null --output-format nnr --report {out}",
    "decode to npz": "decode m.nnr {out} --output-format npz",
    "decode to safetensors": "decode m.nnr {out} --output-format safetensors",
    "decode to onnx": "decode graph.nnr {out} --output-format onnx",
    "trace": "trace small.nnr --html {out}",
    "coverage": "coverage small.nnr --jobs 1 --json {out}",
    "package build": "package build suite {out}",
    "validate --json": "validate many --jobs 1 --json {out}",
    "validate --sarif": "validate many --jobs 1 --sarif {out}",
    "validate --junit": "validate many --jobs 1 --junit {out}",
    "run --write-expect-failures": "run suite --decoder failing.toml --jobs 1 --write-expect-failures {out}",
}
"""Commands that write one file to ``{out}``."""
FAILED: Final = 1
"""Exit code where a decoder fails, or a stream is not conforming."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The inputs."""
    with TemporaryDirectory() as name:
        fill(Path(name))
        yield Path(name)


def fill(made: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    np.savez(made / "m.npz", w=WEIGHTS)
    np.savez(made / "small.npz", w=WEIGHTS[0, :4])
    np.savez(made / "wide.npz", **{f"tensor-{number:03}": WEIGHTS[0] for number in range(30)})
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64])  # noqa: E731
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value("x")], [value("y")], [numpy_helper.from_array(WEIGHTS, "w")]
    )
    onnx.save_model(helper.make_model(graph), made / "graph.onnx")
    support.write_suite(made / "suite", support.good_vectors(12))
    support.decoder_toml(made, "failing", "command", "true {stream} {output}")
    for words in ("encode m.npz m.nnr", "encode small.npz small.nnr", "encode graph.onnx graph.nnr"):
        assert nnc(*words.split(), cwd=made).returncode == 0
    (made / "many").mkdir()
    for number in range(8):
        (made / "many" / f"{number}.nnr").write_bytes((made / "small.nnr").read_bytes()[:-1])


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Judge and measure in the first call only, and keep the list of goals short: what is tested is
    the writing.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_run, "run", once(decoder_run.run))
        patch.setattr(streams, "cover", once(streams.cover))
        patch.setattr(coverage_document, "document", lambda _: {"goals": list(range(1000))})
        yield


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls ``function`` the first time and then gives the same value."""
    found: list[Any] = []

    def first(*arguments: Any, **options: Any) -> Any:
        if not found:
            found.append(function(*arguments, **options))
        return found[0]

    return first


@pytest.fixture(scope="module")
def plain(folder: Path) -> dict[str, bytes]:
    """What each command writes into a new file."""
    written = {}
    for name in COMMANDS:
        out = folder / "plain"
        done = nnc(*words_of(name, "plain"), cwd=folder)
        assert done.returncode == expected_code(name), done.stderr
        written[name] = out.read_bytes()
        out.unlink()
    return written


@pytest.fixture
def place(folder: Path) -> Iterator[Path]:
    """An empty folder for one test, next to the inputs."""
    made = folder / "place"
    made.mkdir(mode=0o755)
    yield made
    made.chmod(0o755)
    for path in made.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    made.rmdir()


def words_of(name: str, out: str) -> list[str]:
    return [word.format(out=out) for word in COMMANDS[name].split()]


def expected_code(name: str) -> int:
    return FAILED if name.startswith(("run", "validate")) else 0


def run(folder: Path, name: str, out: str) -> int:
    return nnc(*words_of(name, out), cwd=folder).returncode


def refused(folder: Path, name: str, out: str, reason: str) -> None:
    """Check that a command ends with one line that names its output and the reason."""
    done = nnc(*words_of(name, out), cwd=folder)
    assert (done.returncode, done.stderr.strip().count("\n")) == (2, 0), done.stderr
    assert reason in done.stderr
    assert out in done.stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


@contextmanager
def disk_that_holds(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


everywhere = pytest.mark.parametrize("name", COMMANDS)


@everywhere
def test_devices_and_descriptors(folder: Path, plain: dict[str, bytes], place: Path, name: str) -> None:
    assert run(folder, name, "/dev/null") == expected_code(name)
    assert stat.S_ISCHR(Path("/dev/null").lstat().st_mode)
    refused(folder, name, "/dev/full", "No space left on device")
    (place / "link").symlink_to("/dev/stdout")
    for out in ("/dev/stdout", "-", "place/link"):
        done = piped(*words_of(name, out), cwd=folder)
        assert (done.returncode, done.stdout) == (expected_code(name), plain[name]), done.stderr
    assert names(place) == ["link"]


@everywhere
def test_a_fifo(folder: Path, plain: dict[str, bytes], place: Path, name: str) -> None:
    os.mkfifo(place / "fifo")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((place / "fifo").read_bytes()), daemon=True)
    reader.start()
    assert run(folder, name, "place/fifo") == expected_code(name)
    reader.join(10)
    assert received == [plain[name]]
    assert stat.S_ISFIFO((place / "fifo").lstat().st_mode)


@everywhere
def test_links_and_spellings(folder: Path, plain: dict[str, bytes], place: Path, name: str) -> None:
    (place / "old").write_bytes(OLD)
    (place / "link").symlink_to("old")
    (place / "dangling").symlink_to("new")
    (place / "kept").write_bytes(OLD)
    (place / "hard").hardlink_to(place / "kept")
    for out, target in (("link", "old"), ("dangling", "new"), ("hard", "hard"), ("../place/./dotted", "dotted")):
        assert run(folder, name, f"./place/{out}") == expected_code(name)
        assert (place / target).read_bytes() == plain[name]
    assert (place / "link").is_symlink()
    assert (place / "dangling").is_symlink()
    assert (place / "kept").read_bytes() == OLD
    assert names(place) == ["dangling", "dotted", "hard", "kept", "link", "new", "old"]


@everywhere
def test_modes(folder: Path, plain: dict[str, bytes], place: Path, name: str) -> None:
    private = place / "private"
    private.touch(mode=0o600)
    with umask(0o022):
        assert run(folder, name, "place/private") == expected_code(name)
    with umask(0o077):
        assert run(folder, name, "place/new") == expected_code(name)
    assert (mode(private), private.read_bytes()) == (0o600, plain[name])
    assert (mode(place / "new"), names(place)) == (0o600, ["new", "private"])


@everywhere
def test_what_cannot_be_written_stays(folder: Path, place: Path, name: str) -> None:
    (place / "folder").mkdir()
    (place / "folder" / "part").write_bytes(OLD)
    (place / "old").write_bytes(OLD)
    done = nnc(*words_of(name, "place/folder"), cwd=folder)
    (place / "folder" / "part").unlink()
    assert (done.returncode, done.stderr.strip().count("\n")) == (2, 0), done.stderr
    refused(folder, name, "place/missing/out", "No such file or directory")
    refused(folder, name, "place/old/out", "Not a directory")
    place.chmod(0o555)
    with bound_by_modes():
        refused(folder, name, "place/old", "Permission denied")
        refused(folder, name, "place/new", "Permission denied")
    place.chmod(0o755)
    with disk_that_holds(600):
        refused(folder, name, "place/old", "File too large")
    assert (place / "old").read_bytes() == OLD
    assert names(place) == ["folder", "old"]


@pytest.fixture
def no_mutants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a mutation run end at once, with no mutants."""
    monkeypatch.setattr(mutation_run, "run", lambda *_, **__: Score({}, {}, arguments(), frozenset()))


@pytest.mark.slow
@pytest.mark.usefixtures("no_mutants")
def test_pages_of_mutants(folder: Path, place: Path) -> None:
    """The page has its tables next to it, in a file of their own only where there can be one."""
    done = nnc("mutation", "--page", "place/page.md", cwd=folder)
    assert names(place) == ["page-tables.md", "page.md"]
    page, tables = ((place / name).read_text() for name in ("page.md", "page-tables.md"))
    assert "(page-tables.md)" in page
    both = page.replace("(page-tables.md)", "(#mutants-and-the-vectors-that-kill-them)") + "\n" + tables
    os.mkfifo(place / "fifo")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append((place / "fifo").read_text()), daemon=True)
    reader.start()
    assert nnc("mutation", "--page", "place/fifo", cwd=folder).returncode == done.returncode
    reader.join(10)
    assert received == [both]
    for out in ("-", "/dev/stdout"):
        assert piped("mutation", "--page", out, cwd=folder).stdout.decode() == both
    assert nnc("mutation", "--page", "/dev/null", cwd=folder).returncode == done.returncode
    assert names(place) == ["fifo", "page-tables.md", "page.md"]
    assert not Path("/dev/null-tables.md").exists()
    done = nnc("mutation", "--page", "/dev/full", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "nnc-conformance: error: /dev/full: No space left on device\n")


def test_a_device_has_no_place_for_a_signature(folder: Path, place: Path) -> None:
    os.mkfifo(place / "fifo")
    (place / "fifo.sig").write_bytes(OLD)
    key = str(key_files(folder)[0])
    for out in ("/dev/null", "place/fifo", "-"):
        done = nnc("package", "build", "suite", out, "--key", key, cwd=folder)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "has no place for the signature" in done.stderr
    reader = threading.Thread(target=(place / "fifo").read_bytes, daemon=True)
    reader.start()
    assert nnc("package", "build", "suite", "place/fifo", cwd=folder).returncode == 0
    reader.join(10)
    assert (place / "fifo.sig").read_bytes() == OLD
    assert not Path("/dev/null.sig").exists()
