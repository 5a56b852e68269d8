"""Formats that need an extra: what is missing is said in one line; and readers of the small
formats, without any extra.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology import nnef, pytorch, tensorflow
from nnc_conformance.storage.model_files import read_model, write_model


@pytest.mark.parametrize(("suffix", "module", "extra"), [(".pt", "torch", "torch"), (".keras", "keras", "tensorflow")])
def test_a_missing_extra_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"anything")
    raised = CliRunner().invoke(build_app(), ["encode", str(path), str(tmp_path / "s.nnr")]).exception
    assert isinstance(raised, ModelError)
    assert str(raised).endswith(f"pip install 'nnc-conformance[{extra}]'")
    assert "\n" not in str(raised)


def test_writing_needs_the_extra_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch", "keras"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError, match=r"nnc-conformance\[torch\]"):
        pytorch.dump_state_dict({})
    with pytest.raises(ModelError, match=r"nnc-conformance\[tensorflow\]"):
        tensorflow.restore(b"{}", {})


def test_a_format_without_its_topology_is_refused(tmp_path: Path) -> None:
    for suffix, name in ((".onnx", "ONNX"), (".nnef", "NNEF"), (".pt2", "PyTorch"), (".keras", "TensorFlow")):
        with pytest.raises(ModelError, match=f"carries no {name} topology"):
            write_model(tmp_path / f"x{suffix}", {}, None)
    for refuse in (lambda: write_model(tmp_path / "x.weights", {}, None), lambda: read_model(tmp_path / "x.weights")):
        with pytest.raises(ModelError, match=r"unknown model file suffix '\.weights'"):
            refuse()


KINDS = st.sampled_from(list(nnef.ITEMS.values()))


@given(KINDS.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=5, max_side=4))))
def test_nnef_tensors_come_back_bit_for_bit(values: np.ndarray) -> None:
    found = nnef.read_tensor(nnef.write_tensor(values, "x"), "x")
    assert (found.dtype, found.shape, found.tobytes()) == (values.dtype, values.shape, values.tobytes())


def test_an_nnef_header_is_as_the_format_has_it() -> None:
    data = nnef.write_tensor(np.array([[1.0, 2.0, 3.0]], np.float32), "x")
    assert len(data) == 128 + 12
    assert data[:4] == b"\x4e\xef\x01\x00"
    assert np.frombuffer(data, "<u4", 13, 4).tolist() == [12, 2, 1, 3, 0, 0, 0, 0, 0, 0, 32, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:100], "has 100 bytes"),
        (lambda data: data + b"x", "its header states 140"),
        (lambda data: b"xx" + data[2:], "not an NNEF tensor"),
        (lambda data: data[:2] + b"\x02" + data[3:], "not an NNEF tensor of version 1"),
        (lambda data: data[:8] + b"\x09" + data[9:], "at most 8"),
        (lambda data: data[:44] + b"\x07" + data[45:], "unsupported item type 0x0 with 7 bits"),
        (lambda data: data[:48] + b"\x02" + data[49:], "type 0x2 with 32 bits"),
        (lambda data: data[:12] + b"\x02" + data[13:], "12 bytes for 6 items"),
    ],
)
def test_a_damaged_nnef_tensor_is_refused(change, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        nnef.read_tensor(change(nnef.write_tensor(np.array([[1.0, 2.0, 3.0]], np.float32), "x")), "x.dat")


GRAPH = b"variable(shape = [2], label = 'a'); variable<logical>(shape = [2], label = 'b'); variable<integer>(shape = [], label = 'c');"
GOOD = {"a": np.array([1.0, 2.0], np.float32), "b": np.array([1, 0], np.int32), "c": np.array([7], np.int32)}


def test_an_nnef_model_takes_decoded_arrays() -> None:
    files = nnef.restore(GRAPH, GOOD)
    found = nnef.extract(files).parameters
    assert {name: (array.dtype.name, array.shape, array.tolist()) for name, array in found.items()} == {
        "a": ("float32", (2,), [1.0, 2.0]),
        "b": ("bool", (2,), [True, False]),
        "c": ("int32", (), 7),
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a": None}, "'a' of the topology is missing"),
        ({"a": np.zeros(3, np.float32)}, r"'a' has shape \(3,\)"),
        ({"a": np.zeros(2, np.int32)}, "'a' is int32; the topology declares scalar"),
        ({"b": np.array([2, 0], np.int32)}, "'b'.*outside the range of the declared bool"),
        ({"c": np.array(0.5, np.float32)}, "'c' is float32; the topology declares integer"),
    ],
)
def test_an_nnef_parameter_that_does_not_fit_is_named(changed: dict[str, np.ndarray | None], message: str) -> None:
    parameters = {name: array for name, array in {**GOOD, **changed}.items() if array is not None}
    with pytest.raises(ModelError, match=message):
        nnef.restore(GRAPH, parameters)


@pytest.mark.parametrize("label", ["", "/", "../x", "/../x", "a/../../x", "a\\b"])
def test_a_label_that_leaves_the_folder_is_refused(label: str) -> None:
    with pytest.raises(ModelError, match="not a path inside"):
        nnef.data_path(label)


def test_a_label_that_begins_with_a_slash_stays_in_the_folder() -> None:
    assert nnef.data_path("/etc/x") == "etc/x.dat"


def test_an_nnef_folder_that_is_not_whole_is_refused() -> None:
    files = nnef.restore(GRAPH, GOOD)
    with pytest.raises(ModelError, match=r"no file a\.dat"):
        nnef.extract({name: data for name, data in files.items() if name != "a.dat"})
    with pytest.raises(ModelError, match=r"has no file graph\.nnef"):
        nnef.extract({})
    with pytest.raises(ModelError, match=r"a\.dat has shape \(\); the graph declares \(2,\)"):
        nnef.extract({**files, "a.dat": files["c.dat"]})
