"""Every command looks at the places of its outputs before it reads an input, so that a wrong place
costs no time. No input named here exists.
"""

import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from helpers.command_line import nnc
from helpers.permissions import bound_by_modes

from nnc_conformance.cli.main import build_app
from nnc_conformance.cli.options import kept_file, output_file, output_folder

FILES: Final = {
    "encode out": "encode none.npz {out}",
    "encode out, as data units": "encode none.npz {out}.onnx",
    "encode report": "encode none.npz new.nnr --report {out}",
    "encode state": "encode none.npz new.nnr --state {out}",
    "decode out": "decode none.nnr {out}.npz",
    "decode state": "decode none.nnr new.npz --state {out}",
    "trace html": "trace none.nnr --html {out}",
    "coverage as_json": "coverage none.nnr --json {out}",
    "coverage as_json, with html": "coverage none.nnr --html new --json {out}",
    "validate as_json": "validate none.nnr --json {out}",
    "validate sarif": "validate none.nnr --sarif {out}",
    "validate junit": "validate none.nnr --junit {out}",
    "run write_expect_failures": "run none --write-expect-failures {out}",
    "run write_expect_failures, with encoders": "run none --encoder none.toml --decoder none.toml --write-expect-failures {out}",
    "report releases": "report none --releases {out}",
    "explain cache": "explain none none --cache {out}",
    "package build out": "package build none {out}",
    "package build out, signed": "package build none {out} --key none.pem",
    "certify withdraw listed": "certify withdraw {out} --key none.pem --reason no",
    "mutation page": "mutation --filter none --page {out}",
}
"""Commands that write a file, by command and parameter."""
FOLDERS: Final = {
    "encode out, as NNEF": "encode none.npz {out} --output-format nnef",
    "decode out, as NNEF": "decode none.nnr {out} --output-format nnef",
    "coverage html": "coverage none.nnr --html {out}",
    "run output": "run none --output {out}",
    "run output, of encoders": "run --encoder in-tree --filter id=none --output {out}",
    "report output": "report none --output {out}",
    "generate out": "generate {out} --level core",
    "mutation output": "mutation --filter none --output {out}",
    "fuzz output": "fuzz none --decoder none.toml --output {out}",
    "shrink output": "shrink none --decoder none.toml --output {out}",
    "certify issue output": "certify issue none --output {out}",
}
"""Commands that write into a folder, which they make if missing."""
TAKEN: Final = {"run output": "results.json", "report output": "report.html", "certify issue output": "certificate.json"}
"""A file that some of them write."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder: with a file, and a folder that nothing may be written into."""
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(mode=0o555)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    (tmp_path / "closed").chmod(0o755)


def refused(line: str, out: str, reason: str) -> None:
    """Check that a command ends with one line that names the output and the reason."""
    done = nnc(*line.format(out=out).split())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert out in done.stderr
    assert reason in done.stderr


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_place(folder: Path, name: str) -> None:
    before = tree(folder)
    refused(FILES[name], "missing/out", "No such file or directory; make the folder missing")
    refused(FILES[name], "file/out", "Not a directory")
    with bound_by_modes():
        refused(FILES[name], "closed/out", "Permission denied")
    assert tree(folder) == before


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_without_a_place(folder: Path, name: str) -> None:
    before = tree(folder)
    refused(FOLDERS[name], "file/out", "Not a directory")
    with bound_by_modes():
        refused(FOLDERS[name], "closed/deep/out", "Permission denied")
    if "NNEF" not in name:
        done = nnc(*FOLDERS[name].format(out="-").split())
        assert "a folder is written; name one" in done.stderr
    assert tree(folder) == before


@pytest.mark.parametrize("name", TAKEN)
def test_a_folder_where_a_file_should_be(folder: Path, name: str) -> None:
    Path("out", TAKEN[name]).mkdir(parents=True)
    done = nnc(*FOLDERS[name].format(out="out").split())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"out/{TAKEN[name]} is a folder; name a file" in done.stderr
    assert tree(folder / "out") == [TAKEN[name]]


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """All commands of an application, by name."""
    for command in group.registered_commands:
        yield f"{prefix}{command.name or command.callback.__name__}", command.callback
    for inner in group.registered_groups:
        yield from commands(inner.typer_instance, f"{inner.name} ")


def test_no_output_is_missing_here() -> None:
    listed = {name.partition(",")[0] for name in (*FILES, *FOLDERS)}
    found = {"decode out"}  # parsed with the streams before it
    for name, function in commands(build_app()):
        for parameter, kind in typing.get_type_hints(function, include_extras=True).items():
            for extra in getattr(kind, "__metadata__", ()):
                if extra.parser in (output_file, output_folder, kept_file):
                    found.add(f"{name} {parameter}")
    assert found == listed


def test_an_unknown_format_is_refused_at_once(folder: Path) -> None:
    refused("decode none.nnr {out}", "new.nnrx", "unknown model file suffix")
    assert tree(folder) == ["closed", "file"]
