"""Annex C: torch.export programs and state_dicts to a stream and back to a model that runs.

In a session of its own (torch).
"""

import argparse
import copy
import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.exact_streams import exact_options
from torch import nn
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_PYT
from nnc_conformance.reference.topology.content import LoadingNotes, Topology
from nnc_conformance.reference.topology.pytorch import dump_state_dict, extract, load_state_dict, parameter_shapes, restore
from nnc_conformance.storage.model_files import read_model


class Net(nn.Module):
    """Weights of several types, a tied one, a buffer that is a view, and one of no elements."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.dense = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(144, 10)
        self.tied = self.dense.weight
        self.low = nn.Parameter(torch.randn(10).to(torch.float16))
        self.brain = nn.Parameter(torch.randn(10).to(torch.bfloat16))
        self.register_buffer("mask", torch.tensor([True, False] * 5))
        self.register_buffer("turned", torch.randn(10, 3).t())
        self.register_buffer("wide", torch.tensor([0.1], dtype=torch.float64))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.dense(torch.relu(self.norm(self.conv(images))).flatten(1)) + self.low.float() * self.brain.float()
        return torch.where(self.mask, found, found * 2) + self.turned.sum() + self.wide.float() + self.tied.sum()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 1, (3, 1, 8, 8)).astype(np.float32))


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def program(net: Net, images: torch.Tensor) -> bytes:
    out = io.BytesIO()
    torch.export.save(torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},)), out)
    return out.getvalue()


def answered(program: bytes, images: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return torch.export.load(io.BytesIO(program)).module()(images).numpy()


def test_a_program_is_taken_apart_and_put_together(program: bytes, images: torch.Tensor, net: Net) -> None:
    parts = extract(program)
    state = net.state_dict()
    assert set(parts.unchanged) == {"turned", "wide"}
    assert set(parts.parameters) == set(state) - {"turned", "wide"} - {"dense.weight"}
    for name, array in parts.parameters.items():
        assert str(state[name].dtype).removeprefix("torch.") == array.dtype.name
        assert torch.equal(state[name].double(), torch.from_numpy(array.astype(np.float64)))
    assert parameter_shapes(parts.topology) == {name: array.shape for name, array in parts.parameters.items()}
    back = restore(parts.topology, parts.parameters)
    assert extract(back).topology == parts.topology
    np.testing.assert_array_equal(answered(back, images), answered(program, images))
    assert len(parts.topology) < len(program) - 4 * 1440


def test_a_program_without_weights_does_not_load(program: bytes) -> None:
    with pytest.raises(Exception, match="error when deserializing"):
        torch.export.load(io.BytesIO(extract(program).topology))


def test_a_program_runs_after_a_stream(program: bytes, images: torch.Tensor) -> None:
    parts = extract(program)
    topology = Topology(NNR_TPL_PYT, parts.topology)
    for options, bound in ((exact_options(parts.parameters), 0.0), (EncoderOptions(qp=-40, nonweight_qp=-50), 0.05)):
        decoded = decode(encode(parts.parameters, topology=topology, options=options))
        assert decoded.topology == topology
        after = answered(restore(topology.data, decoded.parameters), images)
        assert np.abs(after - answered(program, images)).max() <= bound


def test_a_state_dict_goes_to_a_stream_and_back_into_its_class(net: Net, images: torch.Tensor, tmp_path: Path) -> None:
    torch.save(net.state_dict(), tmp_path / "in.pt")
    app, run = build_app(), CliRunner().invoke
    assert run(app, ["encode", str(tmp_path / "in.pt"), str(tmp_path / "s.nnr"), "--qp", "-40"]).exit_code == 0
    assert run(app, ["decode", str(tmp_path / "s.nnr"), str(tmp_path / "out.pt")]).exit_code == 0
    other = Net().eval()
    other.load_state_dict(torch.load(tmp_path / "out.pt", weights_only=True))
    with torch.no_grad():
        assert (other(images) - net(images)).abs().max() < 0.1


def test_a_program_at_the_command_line(program: bytes, images: torch.Tensor, tmp_path: Path) -> None:
    (tmp_path / "in.pt2").write_bytes(program)
    app, run = build_app(), CliRunner().invoke
    done = run(app, ["encode", str(tmp_path / "in.pt2"), str(tmp_path / "s.nnr"), "--qp", "-40"])
    assert "not coded, travels in the topology: turned" in done.output
    assert run(app, ["decode", str(tmp_path / "s.nnr"), str(tmp_path / "out.pt2")]).exit_code == 0
    assert np.abs(answered((tmp_path / "out.pt2").read_bytes(), images) - answered(program, images)).max() < 0.05


def trained(net: Net) -> Net:
    """The network after some training of its dense layer."""
    after = copy.deepcopy(net)
    with torch.no_grad():
        after.dense.weight.add_(torch.randn(after.dense.weight.shape, generator=torch.Generator().manual_seed(1)) / 10)
    return after


def answer(net: Net, images: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = net(images).numpy()
    return found


def run_commands(*commands: list[str]) -> None:
    for words in commands:
        done = CliRunner().invoke(build_app(), words)
        assert done.exit_code == 0, done.output


def test_updates_of_a_state_dict_go_back_into_its_class(net: Net, images: torch.Tensor, tmp_path: Path) -> None:
    after = trained(net)
    before_file, after_file, base, update, out = (str(tmp_path / name) for name in ("0.pt", "1.pt", "0.nnr", "1.nnr", "out.pt"))
    torch.save(net.state_dict(), before_file)
    torch.save(after.state_dict(), after_file)
    run_commands(
        ["encode", before_file, base, "--qp", "-40"],
        ["encode", "--base", base, after_file, update, "--qp", "-40"],
        ["decode", base, update, out],
    )
    assert Path(update).stat().st_size < Path(base).stat().st_size
    other = Net().eval()
    other.load_state_dict(torch.load(out, weights_only=True))
    assert np.abs(answer(other, images) - answer(after, images)).max() < 0.1 < np.abs(answer(net, images) - answer(after, images)).max()


def test_added_tensors_of_a_state_dict_are_sent_and_removed_ones_refused(net: Net, tmp_path: Path) -> None:
    before_file, after_file, base, update, out = (str(tmp_path / name) for name in ("0.pt", "1.pt", "0.nnr", "1.nnr", "out.pt"))
    state = net.state_dict()
    torch.save(state, before_file)
    torch.save({**state, "added": torch.full((3, 3), 0.5)}, after_file)
    run_commands(["encode", before_file, base], ["encode", "--base", base, after_file, update], ["decode", base, update, out])
    found = torch.load(out, weights_only=True)
    assert found.keys() == {*state, "added"}
    assert (found["added"] - 0.5).abs().max() < 0.01
    torch.save({name: values for name, values in state.items() if name != "conv.bias"}, after_file)
    done = CliRunner().invoke(build_app(), ["encode", "--base", base, after_file, update])
    assert done.exit_code != 0
    assert "lacks 'conv.bias' of the base model: an update cannot remove tensors" in str(done.exception) + done.output


def test_updates_of_a_program_go_back_to_a_program(net: Net, program: bytes, images: torch.Tensor, tmp_path: Path) -> None:
    after = trained(net)
    before_file, after_file, base, update, out = (str(tmp_path / name) for name in ("0.pt2", "1.pt2", "0.nnr", "1.nnr", "out.pt2"))
    Path(before_file).write_bytes(program)
    torch.export.save(torch.export.export(after, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},)), after_file)
    run_commands(
        ["encode", before_file, base, "--qp", "-40"],
        ["encode", "--base", base, after_file, update, "--qp", "-40"],
        ["decode", base, update, out],
    )
    assert np.abs(answered(Path(out).read_bytes(), images) - answer(after, images)).max() < 0.1


def test_state_dicts_keep_types_and_bits() -> None:
    arrays = {"f": np.array([[1.5, -0.0]], np.float32), "i": np.array([3], np.int64), "b": np.array([True]), "h": np.array(2.5, np.float16)}
    found = load_state_dict(dump_state_dict(arrays))
    assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in found.items()} == {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()
    }
    with pytest.raises(ModelError, match="not a state_dict"):
        dump_state_dict({"c": np.array(["text"])})


def test_types_that_numpy_lacks_keep_their_bits() -> None:
    tensors = {"b": torch.tensor([1.5, -3e38]).bfloat16(), "f": torch.tensor([1.5, -448.0]).to(torch.float8_e4m3fn)}
    arrays = load_state_dict(saved(tensors))
    assert {name: str(array.dtype) for name, array in arrays.items()} == {"b": "bfloat16", "f": "float8_e4m3fn"}
    back = torch.load(io.BytesIO(dump_state_dict(arrays)), weights_only=True)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].float().tolist() == tensor.float().tolist()


STATE = {"w": torch.ones(2, 3), "n": torch.tensor(7)}


@pytest.mark.parametrize(
    ("checkpoint", "left_out"),
    [
        ({"epoch": 3, "state_dict": STATE, "optimizer": {"state": {0: {"m": torch.ones(2)}}}}, {"epoch", "optimizer"}),
        ({"model": {"state_dict": STATE, "step": 1}, "ema": STATE}, {"ema", "model.step"}),
        ({"epoch": 1, "anything": STATE}, {"epoch"}),
        ({**STATE, "_metadata": "x"}, {"_metadata"}),
        ({"model_state_dict": STATE, "optimizer_state_dict": {}, "loss": torch.tensor(0.5)}, {"optimizer_state_dict", "loss"}),
        ({"module": STATE, "global_step": torch.tensor(5), "rng_state": torch.ones(5)}, {"global_step", "rng_state"}),
        ({"encoder": STATE, "mean": torch.ones(3), "optimizer": {"state": {0: {"m": torch.ones(99)}}}}, {"mean", "optimizer"}),
        ({**STATE, "optimizer": {"state": {0: {"m": torch.ones(99)}}}, "extra": {"x": torch.ones(1)}}, {"optimizer", "extra"}),
    ],
)
def test_the_state_dict_of_a_checkpoint_is_found(checkpoint: dict[str, object], left_out: set[str]) -> None:
    notes = LoadingNotes()
    assert set(load_state_dict(saved(checkpoint), notes=notes)) == {"w", "n"}
    assert set(notes.left_out) == left_out


def test_what_holds_no_state_dict_says_what_it_holds(tmp_path: Path) -> None:
    for checkpoint, message in (
        ({"generator": STATE, "discriminator": STATE}, "several state_dicts, under the keys 'generator', 'discriminator'"),
        ({"epoch": 3}, "no tensors, under the keys 'epoch'"),
        ([1, 2], "it holds a list"),
    ):
        with pytest.raises(ModelError, match=message):
            load_state_dict(saved(checkpoint))
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "m.pt")
    with pytest.raises(ModelError, match="TorchScript program; save its state_dict"):
        load_state_dict((tmp_path / "m.pt").read_bytes())


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_tensors_that_numpy_cannot_hold_are_left_out_with_the_reason(tmp_path: Path) -> None:
    odd = {
        "quantized": torch.quantize_per_tensor(torch.ones(4), 0.1, 2, torch.qint8),
        "half": torch.ones(4, dtype=torch.complex32),
        "packed": torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "meta": torch.empty(3, device="meta"),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }
    notes = LoadingNotes()
    assert set(load_state_dict(saved({**STATE, **odd}), notes=notes)) == {"w", "n"}
    assert notes.left_out.keys() == odd.keys()
    torch.save({**STATE, "wide": torch.ones(3, dtype=torch.complex128)}, tmp_path / "m.pt")
    model = read_model(tmp_path / "m.pt")
    assert (set(model.parameters), dict(model.left_out)) == ({"w", "n"}, {"wide": "its type complex128 is not supported"})


def test_keys_that_become_equal_names_are_refused() -> None:
    with pytest.raises(ModelError, match="it has two tensors named '1'"):
        load_state_dict(saved({1: torch.ones(2), "1": torch.zeros(2)}))


def test_objects_of_a_checkpoint_are_named() -> None:
    with pytest.raises(ModelError) as refused:
        load_state_dict(saved({"model": STATE, "args": argparse.Namespace(lr=1)}))
    assert str(refused.value) == (
        "not a state_dict: it holds Python objects, which could run any code (argparse.Namespace); "
        "save one with torch.save(model.state_dict(), ...)"
    )
    with pytest.raises(ModelError, match=r"it is another format than that of torch\.save, or damaged; save one"):
        load_state_dict(b"no model")


def test_the_format_before_1_6_is_named_if_torch_does_not_read_it() -> None:
    written = io.BytesIO()
    torch.save({"w": torch.zeros(4, dtype=torch.float8_e4m3fn)}, written, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelError, match=r"the format of PyTorch before 1\.6, and a tensor of a type that this format lacks"):
        load_state_dict(written.getvalue())


def test_tied_weights_both_come_back() -> None:
    shared = torch.ones(2, 3)
    found = load_state_dict(saved({"a": shared, "b": shared, "view": shared.T}))
    assert {name: array.shape for name, array in found.items()} == {"a": (2, 3), "b": (2, 3), "view": (3, 2)}


def test_other_views_and_sparse_tensors_are_listed() -> None:
    """The two halves of a storage have no values in common."""
    shared, flat = torch.arange(6.0).reshape(2, 3), torch.arange(8.0)
    state = {"a": shared, "same": shared, "t": shared.t(), "row": shared[1], "left": flat[:4], "right": flat[4:], "none": flat[:0]}
    notes = LoadingNotes()
    found = load_state_dict(saved({**state, "sparse": torch.eye(3).to_sparse(), "rows": torch.eye(3).to_sparse_csr()}), notes=notes)
    assert set(notes.converted) == {"t", "row", "sparse", "rows"}
    assert all(notes.converted[name].startswith("a view of a,") for name in ("t", "row"))
    assert all("dense" in notes.converted[name] for name in ("sparse", "rows"))
    assert found["sparse"].tolist() == found["rows"].tolist() == np.eye(3).tolist()


def damaged(program: bytes, name: str, data: bytes | None) -> bytes:
    """The archive with a file of it replaced, or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(program)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            own = data if entry.filename.endswith(name) else old.read(entry)
            if own is not None:
                new.writestr(zipfile.ZipInfo(entry.filename), own)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("weight_0", b"four", "4 bytes for"),
        ("weight_0", None, "has no values for"),
        ("model_weights_config.json", b"{", "table of weights cannot be read"),
        ("model_weights_config.json", b'{"config": {"a": {}}}', "a row lacks path_name"),
        ("model_weights_config.json", b'{"config": {"a": {"path_name": "x", "tensor_meta": {}}}}', "entry of 'a' cannot be read"),
        ("models/model.json", None, "no table of weights"),
    ],
)
def test_a_damaged_program_is_refused(program: bytes, name: str, data: bytes | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        extract(damaged(program, name, data))


def test_what_is_no_program_or_state_dict_is_refused(program: bytes) -> None:
    for data in (b"", b"PK\x03\x04", program[:-40]):
        with pytest.raises(ModelError, match=r"torch\.export program"):
            extract(data)
        with pytest.raises(ModelError, match="not a state_dict"):
            load_state_dict(data)


def test_parameters_that_do_not_fit_are_named(program: bytes) -> None:
    parts = extract(program)
    with pytest.raises(ModelError, match=r"'conv.weight' of the program is missing"):
        restore(parts.topology, {name: array for name, array in parts.parameters.items() if name != "conv.weight"})
    with pytest.raises(ModelError, match=r"'conv.bias' has shape \(2,\)"):
        restore(parts.topology, {**parts.parameters, "conv.bias": np.zeros(2, np.float32)})


class Runs:
    """Unpickling it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_torch_runs_no_pickle_of_what_is_decoded(program: bytes, images: torch.Tensor, tmp_path: Path) -> None:
    """Another encoder's topology has sample inputs that are code: torch would run them, and in our
    file it finds none.
    """
    parts, trap, pickle = extract(program), tmp_path / "ran", io.BytesIO()
    torch.save((Runs(trap),), pickle)
    hostile = damaged(program, "sample_inputs/model.pt", pickle.getvalue())
    with suppress(Exception):
        torch.export.load(io.BytesIO(hostile))
    assert trap.exists(), "so that the test shows something"
    trap.unlink()
    topology = damaged(parts.topology, "sample_inputs/model.pt", pickle.getvalue())
    stream = encode(parts.parameters, topology=Topology(NNR_TPL_PYT, topology), options=exact_options(parts.parameters))
    (tmp_path / "s.nnr").write_bytes(stream)
    done = CliRunner().invoke(build_app(), ["decode", str(tmp_path / "s.nnr"), str(tmp_path / "out.pt2")])
    assert "left out, since loading the model would run it: archive/data/sample_inputs/model.pt" in done.output
    np.testing.assert_array_equal(answered((tmp_path / "out.pt2").read_bytes(), images), answered(program, images))
    assert not trap.exists()


def test_torch_evaluates_no_expression_that_is_code(program: bytes, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        graph = archive.read(next(name for name in archive.namelist() if name.endswith("models/model.json"))).decode()
    hostile = damaged(program, "models/model.json", re.sub(r"Symbol\('s\d+'[^)]*\)", f"open('{trap}', 'w')", graph).encode())
    with suppress(Exception):
        torch.export.load(io.BytesIO(hostile))
    assert trap.exists(), "so that the test shows something"
    with pytest.raises(ModelError, match=r"which torch\.export\.load would run"):
        extract(hostile)


def test_graphs_with_sizes_of_all_kinds_go_through(tmp_path: Path) -> None:
    class Sizes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            k = x.shape[0]
            n = (x > 0).sum().item()
            torch._check(n >= 0)
            torch._check(n < 100)
            pooled = nn.functional.avg_pool1d(x.t()[None], 3, stride=2, ceil_mode=True).reshape(-1)
            return torch.cat([torch.zeros(n + 1), torch.full((k // 2 + k * k,), 1.0), pooled, torch.full((max(k, 7),), k**0.5)])

    out = io.BytesIO()
    given = torch.from_numpy(np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32))
    torch.export.save(torch.export.export(Sizes(), (given,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), out)
    parts = extract(out.getvalue())
    np.testing.assert_array_equal(answered(restore(parts.topology, {}), given), answered(out.getvalue(), given))


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def test_a_small_state_dict_takes_no_large_memory() -> None:
    """A view whose strides are 0 has as many elements as it says, and one in its file."""
    wide = torch.zeros(1).expand(1 << 28, 4)
    with pytest.raises(ModelError, match="unpacks to 4294967296"):
        load_state_dict(saved({"w": wide}))
    with pytest.raises(ModelError, match="asks for a bytearray"):
        load_state_dict(b"\x80\x02c__builtin__\nbytearray\nI9999999999\n\x85R.")
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("a/data.pkl", b"\x80\x02}."), ("a/data/0", bytes(300_000_000))):
            archive.writestr(name, data)
    with pytest.raises(ModelError, match="unpacks to 300000"):
        load_state_dict(deflated.getvalue())
