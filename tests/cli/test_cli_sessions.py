"""Sessions of updates from the command line: order, state files, and what must never be
overwritten.
"""

import gzip
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import DATA
from safetensors.numpy import load_file
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.storage.state_files import StateError, load_session, load_state, parse_state, save_state

ARCHIVE = DATA / "second-edition" / "samples.zip"


def longest_sequence() -> list[str]:
    """Names in the archive of the streams of the longest sequence with models, in order."""
    names = zipfile.ZipFile(ARCHIVE).namelist()
    sequences: dict[str, list[str]] = {}
    for name in names:
        if name.endswith(".nnr") and name.removesuffix(".nnr").rpartition(".")[2].isdigit():
            sequences.setdefault(name.removesuffix(".nnr").rpartition(".")[0], []).append(name)
    with_models = {name: steps for name, steps in sequences.items() if f"{name}.1.model.safetensors" in names and "tca" not in name}
    return sorted(max(with_models.values(), key=lambda steps: (len(steps), steps)))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    with zipfile.ZipFile(ARCHIVE) as archive:
        for number, name in enumerate(longest_sequence()):
            (tmp_path / f"{number}.nnr").write_bytes(archive.read(name))
            model = name.removesuffix(".nnr") + ".model.safetensors"
            if model in archive.namelist():
                (tmp_path / f"{number}.model.safetensors").write_bytes(archive.read(model))
            (tmp_path / f"{number}.coded.safetensors").write_bytes(archive.read(name.removesuffix(".nnr") + ".safetensors"))
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def nnc(*words: str, code: int = 0, command: str = "decode") -> str:
    done = CliRunner().invoke(build_app(), [command, *words])
    text = done.output + (str(done.exception) if done.exception is not None else "")
    assert (done.exit_code == 0) == (code == 0), text
    return text


def equal(found: str, expected: str) -> bool:
    left, right = load_file(found), load_file(expected)
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name].astype(left[name].dtype)) for name in left)


def test_streams_in_order_give_the_model_after_the_last(folder: Path) -> None:
    nnc("0.nnr", "1.nnr", "2.nnr", "out.safetensors")
    assert equal("out.safetensors", "2.model.safetensors")
    nnc("0.nnr", "1.nnr", "2.nnr", "out.safetensors", "--difference")
    assert equal("out.safetensors", "2.coded.safetensors")


def test_a_state_carries_the_session_from_command_to_command(folder: Path) -> None:
    os.umask(0o022)
    for number in range(3):
        nnc(f"{number}.nnr", "out.safetensors", "--state", "s.nncstate")
        assert stat.S_IMODE((folder / "s.nncstate").stat().st_mode) == 0o600
    assert equal("out.safetensors", "2.model.safetensors")
    assert len(load_session(folder / "s.nncstate").streams) == 3


def test_errors_leave_state_and_output_untouched(folder: Path) -> None:
    nnc("0.nnr", "out.safetensors", "--state", "s.nncstate")
    kept = [(folder / name).read_bytes() for name in ("out.safetensors", "s.nncstate")]
    assert "applied before" in nnc("0.nnr", "out.safetensors", "--state", "s.nncstate", code=1)
    (folder / "cut.nnr").write_bytes((folder / "1.nnr").read_bytes()[:-3])
    assert "cut.nnr" in nnc("cut.nnr", "out.safetensors", "--state", "s.nncstate", code=1)
    assert "data_string" in nnc("1.nnr", "out.safetensors", "--state", "s.nncstate", "--interpretation", "data_string=st", code=1)
    assert [(folder / name).read_bytes() for name in ("out.safetensors", "s.nncstate")] == kept


def test_a_lost_update_names_the_order(folder: Path) -> None:
    assert "0.nnr, 2.nnr" in nnc("0.nnr", "2.nnr", "out.safetensors", code=1)


def test_a_base_on_an_existing_session_needs_restart(folder: Path) -> None:
    np.savez("m.npz", w=np.ones((2, 3), np.float32))
    nnc("0.nnr", "1.nnr", "out.safetensors", "--state", "s.nncstate")
    (folder / "again.nnr").write_bytes((folder / "0.nnr").read_bytes())
    assert "applied before" in nnc("again.nnr", "out.safetensors", "--state", "s.nncstate", code=1)
    nnc("m.npz", "other.nnr", command="encode")
    for words in (["other.nnr"], ["2.nnr", "other.nnr"]):
        assert "other.nnr is a base stream" in nnc(*words, "out.safetensors", "--state", "s.nncstate", code=1)
    nnc("0.nnr", "out.safetensors", "--state", "s.nncstate", "--restart")
    assert len(load_session(folder / "s.nncstate").streams) == 1


def test_whole_models_in_one_command_are_merged(folder: Path) -> None:
    """As docs/updates.md says; the later one replaces tensors of the same name."""
    for name, tensors in (("a", {"both": [1, 2], "first": [3]}), ("b", {"both": [5, 7, 9], "second": [4]})):
        np.savez(f"{name}.npz", **{key: np.array(values, np.int32) for key, values in tensors.items()})
        nnc(f"{name}.npz", f"{name}.nnr", command="encode")
    nnc("a.nnr", "b.nnr", "out.safetensors")
    merged = {name: values.tolist() for name, values in load_file("out.safetensors").items()}
    assert merged == {"both": [5, 7, 9], "first": [3], "second": [4]}


def test_a_forgotten_output_does_not_cost_a_stream(folder: Path) -> None:
    before = (folder / "1.nnr").read_bytes()
    assert "would be overwritten" in nnc("0.nnr", "1.nnr", code=1)
    assert (folder / "1.nnr").read_bytes() == before
    nnc("0.nnr", "out.safetensors", "--state", "s.nncstate")
    assert "the same output" in nnc("1.nnr", "s.nncstate", "--state", "s.nncstate", code=1)
    assert "would be overwritten" in nnc("1.nnr", "s.nncstate", code=1)


def test_states_come_back_whole_and_damage_is_named(folder: Path) -> None:
    nnc("0.nnr", "1.nnr", "out.safetensors", "--state", "s.nncstate")
    data = (folder / "s.nncstate").read_bytes()
    save_state(load_state(folder / "s.nncstate"), folder / "copy.nncstate")
    first, second = load_state(folder / "s.nncstate"), load_state(folder / "copy.nncstate")
    assert all(np.array_equal(first.parameters[name], second.parameters[name]) for name in first.parameters)
    for place in range(0, len(data), 97):
        with pytest.raises(StateError, match=r"^x: "):
            parse_state(data[:place], "x")
        changed = bytearray(data)
        changed[place] ^= 0x55
        with pytest.raises(StateError, match=r"^x: "):
            parse_state(bytes(changed), "x")


def test_a_state_is_a_regular_file(folder: Path) -> None:
    """Nobody writes to this FIFO: reading it would wait for ever."""
    os.mkfifo("fifo")
    assert "is a folder; name a file" in nnc("0.nnr", "out.safetensors", "--state", ".", code=2)
    for path in ("fifo", "/dev/zero", "/dev/full"):
        assert "not a regular file, which a state file must be" in nnc("0.nnr", "out.safetensors", "--state", path, code=2)
    assert not Path("out.safetensors").exists()


def test_inspect_shows_each_stream_of_a_session(folder: Path) -> None:
    text = nnc("0.nnr", "1.nnr", "2.nnr", command="inspect")
    assert [line for line in text.splitlines() if line.endswith(".nnr:")] == ["0.nnr:", "1.nnr:", "2.nnr:"]
    assert "difference to its parent" in " ".join(text.split())
    shown = json.loads(nnc("0.nnr", "1.nnr", "--json", "--values", command="inspect"))
    assert [one["stream"] for one in shown] == ["0.nnr", "1.nnr"]
    coded = load_file("1.coded.safetensors")
    tensors = {name for unit in shown[1]["units"] for name in unit.get("tensors", {})}
    assert tensors == set(coded)
    alone = json.loads(nnc("0.nnr", "--json", command="inspect"))
    assert alone[0]["type"] == "NNR_STR"


def test_trace_names_the_stream_of_each_line(folder: Path) -> None:
    lines = [json.loads(line) for line in nnc("0.nnr", "1.nnr", "--json", command="trace").splitlines()]
    assert {line["stream"] for line in lines} == {"0.nnr", "1.nnr"}
    second = [line for line in lines if line["stream"] == "1.nnr"]
    assert second[0]["byte"] == 0
    assert any(line["element"] == "parent_node_id_present_flag" and line["value"] == 1 for line in second)
    text = nnc("0.nnr", "1.nnr", command="trace")
    assert [line for line in text.splitlines() if line.endswith(".nnr:")] == ["0.nnr:", "1.nnr:"]
    assert "stream" not in json.loads(nnc("0.nnr", "--json", command="trace").splitlines()[0])


def test_one_page_traces_a_session(folder: Path) -> None:
    nnc("0.nnr", "1.nnr", "--html", "page.html", command="trace")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "Trace of <code>0.nnr, 1.nnr</code>" in page
    assert f"{(folder / '0.nnr').stat().st_size + (folder / '1.nnr').stat().st_size:,} bytes" in page
    assert "<code>1.nnr</code>, unit 0" in page
    assert "The stream is invalid" not in page


@pytest.mark.parametrize("command", ["inspect", "trace"])
def test_a_broken_step_is_named_after_the_steps_before(folder: Path, command: str) -> None:
    (folder / "cut.nnr").write_bytes((folder / "1.nnr").read_bytes()[:-3])
    text = nnc("0.nnr", "cut.nnr", code=1, command=command)
    assert "0.nnr:\n" in text
    assert "cut.nnr: truncated: a unit of" in text


def test_a_broken_step_is_named_on_the_page(folder: Path) -> None:
    (folder / "cut.nnr").write_bytes((folder / "1.nnr").read_bytes()[:-3])
    nnc("0.nnr", "cut.nnr", "--html", "page.html", command="trace")
    assert "The stream is invalid: cut.nnr: " in (folder / "page.html").read_text(encoding="utf-8")


def test_differences_have_no_type_that_only_values_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Truth values and bytes differ by -1; a tensor that an update leaves out is not asked for."""
    monkeypatch.chdir(tmp_path)
    old = {"t": np.array([True, False]), "u": np.array([3, 3], np.uint8), "s": np.array(True), "e": np.zeros((0, 2), np.float32)}
    np.savez("0.npz", **old)
    np.savez("1.npz", **old | {"t": ~old["t"], "u": np.array([2, 4], np.uint8)})
    nnc("0.npz", "0.nnr", command="encode")
    nnc("1.npz", "1.nnr", "--base", "0.nnr", command="encode")
    assert "2 parameters, 2 of them differences" in nnc("0.nnr", "1.nnr", "out.npz", "--difference")
    found = dict(np.load("out.npz"))
    assert {name: (values.dtype.name, values.tolist()) for name, values in found.items()} == {
        "t": ("int32", [-1, 1]),
        "u": ("int32", [-1, 1]),
    }
    assert "4 parameters -> " in nnc("0.nnr", "1.nnr", "out.npz")
    assert {name: values.dtype for name, values in np.load("out.npz").items()} == {name: values.dtype for name, values in old.items()}
    nnc("0.nnr", "out.npz", "--difference", "--state", "s.nncstate")
    assert np.load("out.npz").keys() == old.keys()
    assert "2 parameters, 2 of them differences" in nnc("1.nnr", "out.npz")


@pytest.mark.parametrize("command", ["decode", "inspect", "trace", "validate", "encode"])
def test_a_state_file_in_the_place_of_a_stream_is_named(folder: Path, command: str) -> None:
    nnc("0.nnr", "out.safetensors", "--state", "s.nncstate")
    further = {"decode": ["new.npz"], "encode": ["out.safetensors", "new.nnr", "--base", "0.nnr", "--base"]}.get(command, [])
    words = [*further, "s.nncstate"] if command == "encode" else ["s.nncstate", *further]
    assert "s.nncstate is a state file, not a stream; name it with --state" in nnc(*words, code=1, command=command)
    assert not Path("new.npz").exists()


@pytest.mark.parametrize("name", ["m.npz", "m.npy", "M.NNEF.TGZ"])
@pytest.mark.parametrize("command", ["decode", "inspect", "trace", "validate", "encode"])
def test_a_model_in_the_place_of_a_stream_is_named(folder: Path, command: str, name: str) -> None:
    if name == "m.npz":
        np.savez(name, w=np.ones((2, 2), np.float32))
    elif name == "m.npy":
        np.save(name, np.ones((2, 2), np.float32))
    else:
        Path(name).write_bytes(gzip.compress(b"an archive"))
    further = {"decode": ["new.npz"], "encode": ["m2.npz", "new.nnr", "--base"]}.get(command, [])
    np.savez("m2.npz", w=np.ones((2, 2), np.float32))
    words = [*further, name] if command == "encode" else [name, *further]
    assert f"{name} is a model or an archive, not a stream; make a stream of a model with encode" in nnc(*words, code=1, command=command)
