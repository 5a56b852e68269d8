"""Updates encoded from the command line: bases, state files, and what is refused."""

import stat
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference.topology.nnef import read_tensor, write_tensor
from nnc_conformance.storage.state_files import load_state

Tensors = dict[str, np.ndarray]


def nnc(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(build_app(), [*words])
    text = done.output + (str(done.exception) if done.exception is not None else "")
    assert (done.exit_code == 0) == (code == 0), text
    return text


def model(number: int) -> Tensors:
    """Model ``number`` of a training: each differs a little from the one before."""
    rng = np.random.default_rng(5)
    tensors = {"w": rng.standard_normal((20, 12)).astype(np.float32), "b": rng.standard_normal(20).astype(np.float32)}
    for _ in range(number):
        tensors = {
            name: (values + 0.1 * (rng.random(values.shape) < 0.2) * rng.standard_normal(values.shape)).astype(np.float32)
            for name, values in tensors.items()
        }
    return tensors


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        save_file(model(number), tmp_path / f"{number}.safetensors")
    return tmp_path


def near(file: str, tensors: Tensors) -> bool:
    found = load_file(file)
    return found.keys() == tensors.keys() and all(np.abs(found[name] - values).max() < 0.01 for name, values in tensors.items())


def onnx_file(path: str, weights: np.ndarray, operator: str = "Relu", extra: bool = False) -> None:
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])  # noqa: E731
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node(operator, ["m"], ["y"])]
    initializers = [numpy_helper.from_array(weights, "w")]
    if extra:
        nodes[1] = helper.make_node("Add", ["m", "c"], ["y"])
        initializers.append(numpy_helper.from_array(np.full((1, 4), 0.25, np.float32), "c"))
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [value("x")], [value("y")], initializers)), path)


def test_streams_or_a_state_are_the_base() -> None:
    nnc("encode", "0.safetensors", "0.nnr", "--state", "s.nncstate", "--edition", "2024")
    nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr")
    nnc("encode", "--base", "s.nncstate", "1.safetensors", "1-again.nnr", "--state", "s.nncstate")
    assert Path("1.nnr").read_bytes() == Path("1-again.nnr").read_bytes()
    nnc("encode", "--base", "0.nnr", "--base", "1.nnr", "2.safetensors", "2.nnr")
    nnc("encode", "--base", "s.nncstate", "2.safetensors", "2-again.nnr", "--state", "s.nncstate")
    assert Path("2.nnr").read_bytes() == Path("2-again.nnr").read_bytes()
    assert Path("2.nnr").stat().st_size < Path("0.nnr").stat().st_size / 2
    nnc("decode", "0.nnr", "1.nnr", "2.nnr", "out.safetensors")
    assert near("out.safetensors", model(2))
    kept = load_state(Path("s.nncstate")).parameters
    assert all(np.array_equal(values, kept[name]) for name, values in load_file("out.safetensors").items())
    assert stat.S_IMODE(Path("s.nncstate").stat().st_mode) == 0o600


def test_a_base_of_the_first_edition_will_do() -> None:
    nnc("encode", "0.safetensors", "0.nnr")
    nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr", "--row-skip", "on", "--hdsp", "on", "--tca", "on", "--pre", "on")
    nnc("decode", "0.nnr", "1.nnr", "out.safetensors")
    assert near("out.safetensors", model(1))


def test_a_tool_that_is_on_means_the_second_edition() -> None:
    nnc("encode", "0.safetensors", "first.nnr")
    nnc("encode", "0.safetensors", "auto.nnr", "--edition", "2022", "--tca", "auto")
    assert Path("first.nnr").read_bytes() == Path("auto.nnr").read_bytes()
    nnc("encode", "0.safetensors", "on.nnr", "--row-skip", "on")
    nnc("encode", "0.safetensors", "second.nnr", "--edition", "2024", "--row-skip", "on")
    assert Path("on.nnr").read_bytes() == Path("second.nnr").read_bytes() != Path("first.nnr").read_bytes()


def test_what_the_first_edition_does_not_have_is_refused() -> None:
    assert "edition 2022 does not have this tool" in nnc("encode", "--edition", "2022", "--hdsp", "on", "0.safetensors", "x.nnr", code=2)
    nnc("encode", "0.safetensors", "0.nnr")
    assert "has no updates" in nnc("encode", "--edition", "2022", "--base", "0.nnr", "1.safetensors", "x.nnr", code=2)
    assert not Path("x.nnr").exists()


def test_inputs_and_foreign_states_are_not_overwritten() -> None:
    nnc("encode", "0.safetensors", "0.nnr", "--state", "s.nncstate")
    state = Path("s.nncstate").read_bytes()
    assert "same file" in nnc("encode", "--base", "0.nnr", "1.safetensors", "0.nnr", code=2)
    assert "same file" in nnc("encode", "--base", "s.nncstate", "1.safetensors", "s.nncstate", code=2)
    assert "s.nncstate exists" in nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr", "--state", "s.nncstate", code=2)
    assert "plain stream" in nnc("encode", "--base", "0.nnr", "1.safetensors", "1.onnx", code=2)
    assert Path("s.nncstate").read_bytes() == state
    assert not Path("1.nnr").exists()


def test_removed_tensors_are_refused_and_added_ones_sent() -> None:
    nnc("encode", "0.safetensors", "0.nnr")
    save_file({"w": model(1)["w"]}, "less.safetensors")
    assert "lacks 'b' of the base model: an update cannot remove tensors" in nnc(
        "encode", "--base", "0.nnr", "less.safetensors", "1.nnr", code=2
    )
    more = model(1) | {"new": np.full((3, 3), 0.5, np.float32)}
    save_file(more, "more.safetensors")
    nnc("encode", "--base", "0.nnr", "more.safetensors", "1.nnr")
    nnc("decode", "0.nnr", "1.nnr", "out.safetensors")
    assert near("out.safetensors", more)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (np.array([1 << 40]), np.array([5])),
        (np.array([5]), np.array([1 << 40])),
        (np.zeros((0, 3), np.float32), np.full((2, 3), 0.5, np.float32)),
        (np.full((2, 3), 0.5, np.float32), np.zeros((0, 3), np.float32)),
        (np.array([0.5]), np.array([0.1])),
        (np.array([1, 2], np.uint8), np.array([1.5, 2.25], np.float32)),
        (np.array([1.5, 2.25], np.float16), np.array([1.5, 2.0625], np.float32)),
        (np.array([True, False]), np.array([7, -7], np.int32)),
    ],
)
def test_a_tensor_may_become_codable_or_not_or_lose_its_stated_type(first: np.ndarray, then: np.ndarray) -> None:
    """Types and values that the base model's topology states must not outlive it."""
    weights = model(0)["w"]
    for number, values in enumerate((first, then, first)):
        save_file({"w": weights, "t": values}, f"{number}.safetensors")
    nnc("encode", "0.safetensors", "0.nnr", "--exact", "t")
    nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr", "--exact", "t")
    nnc("encode", "--base", "0.nnr", "--base", "1.nnr", "2.safetensors", "2.nnr", "--exact", "t")
    for streams, values in ((("0.nnr", "1.nnr"), then), (("0.nnr", "1.nnr", "2.nnr"), first)):
        nnc("decode", *streams, "out.safetensors")
        found = load_file("out.safetensors")
        assert found.keys() == {"w", "t"}
        assert (found["t"].dtype, found["t"].tolist()) == (values.dtype, values.tolist())


def test_an_integer_of_a_graph_may_outgrow_a_data_unit() -> None:
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.INT64, [1])  # noqa: E731
    counts = (5, 1 << 40, 6)
    for number, count in enumerate(counts):
        count_of = [numpy_helper.from_array(np.array([count]), "n")]
        graph = helper.make_graph([helper.make_node("Add", ["x", "n"], ["y"])], "g", [value("x")], [value("y")], count_of)
        onnx.save(helper.make_model(graph), f"{number}.onnx")
        bases = [word for each in range(number) for word in ("--base", f"{each}.nnr")]
        nnc("encode", *bases, f"{number}.onnx", f"{number}.nnr")
        nnc("decode", *(f"{each}.nnr" for each in range(number + 1)), f"out-{number}.onnx")
        (found,) = onnx.load(f"out-{number}.onnx").graph.initializer
        assert numpy_helper.to_array(found).tolist() == [count]


def test_a_changed_graph_travels_along() -> None:
    weights = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)
    onnx_file("0.onnx", weights)
    onnx_file("1.onnx", weights + np.float32(0.1))
    onnx_file("2.onnx", weights + np.float32(0.2), extra=True)
    nnc("encode", "0.onnx", "0.nnr")
    nnc("encode", "--base", "0.nnr", "1.onnx", "1.nnr")
    nnc("encode", "--base", "0.nnr", "--base", "1.nnr", "2.onnx", "2.nnr")
    assert Path("1.nnr").stat().st_size < Path("2.nnr").stat().st_size
    nnc("decode", "0.nnr", "1.nnr", "2.nnr", "out.onnx")
    found = {each.name: numpy_helper.to_array(each) for each in onnx.load("out.onnx").graph.initializer}
    assert set(found) == {"w", "c"}
    assert np.abs(found["w"] - weights - 0.2).max() < 0.02
    nnc("decode", "0.nnr", "1.nnr", "out.onnx")
    assert [node.op_type for node in onnx.load("out.onnx").graph.node] == ["MatMul", "Relu"]


def test_a_tensor_file_updates_an_onnx_model() -> None:
    weights = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)
    onnx_file("0.onnx", weights)
    nnc("encode", "0.onnx", "0.nnr")
    save_file({"w": weights + np.float32(0.1)}, "1.safetensors")
    nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr")
    nnc("decode", "0.nnr", "1.nnr", "out.onnx")
    onnx.checker.check_model("out.onnx", full_check=True)
    (found,) = onnx.load("out.onnx").graph.initializer
    assert np.abs(numpy_helper.to_array(found) - weights - 0.1).max() < 0.02


def nnef_folder(path: str, weights: np.ndarray, extra: bool = False) -> None:
    folder = Path(path)
    folder.mkdir()
    added = "    c = variable(shape = [1, 4], label = 'c');\n    y = add(m, c);\n" if extra else "    y = relu(m);\n"
    (folder / "graph.nnef").write_text(
        "version 1.0;\n\ngraph net(x) -> (y)\n{\n    x = external<scalar>(shape = [1, 4]);\n"
        f"    w = variable<scalar>(shape = [4, 4], label = 'w');\n    m = matmul(x, w);\n{added}}}\n"
    )
    (folder / "w.dat").write_bytes(write_tensor(weights, "w"))
    if extra:
        (folder / "c.dat").write_bytes(write_tensor(np.full((1, 4), 0.25, np.float32), "c"))


def test_nnef_models_are_updated_and_written_whole() -> None:
    weights = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)
    for number, extra in enumerate((False, False, True)):
        nnef_folder(f"{number}.nnef", weights + np.float32(0.1 * number), extra)
    nnc("encode", "0.nnef", "0.nnr")
    nnc("encode", "--base", "0.nnr", "1.nnef", "1.nnr")
    nnc("encode", "--base", "0.nnr", "--base", "1.nnr", "2.nnef", "2.nnr")
    for streams, last in ((("0.nnr", "1.nnr"), 1), (("0.nnr", "1.nnr", "2.nnr"), 2)):
        nnc("decode", *streams, f"out-{last}.nnef")
        out = Path(f"out-{last}.nnef")
        assert (out / "graph.nnef").read_bytes() == Path(f"{last}.nnef", "graph.nnef").read_bytes()
        assert np.abs(read_tensor((out / "w.dat").read_bytes(), "w") - weights - 0.1 * last).max() < 0.02
        assert (out / "c.dat").exists() == (last == 2)


def test_a_graph_that_loses_its_quantization_is_refused() -> None:
    weights = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)
    for number in range(2):
        nnef_folder(f"{number}.nnef", weights)
    Path("0.nnef", "graph.quant").write_text('"w": linear_quantize(min = -1.0, max = 1.0, bits = 8);\n')
    nnc("encode", "0.nnef", "0.nnr")
    refused = nnc("encode", "--base", "0.nnr", "1.nnef", "1.nnr", code=2)
    assert "1.nnef lacks the quantization of the base model: an update cannot remove it; encode the model without --base" in refused


def test_a_graph_of_another_format_and_a_lost_tensor_are_refused_with_a_remedy() -> None:
    weights = np.ones((4, 4), np.float32)
    onnx_file("0.onnx", weights, extra=True)
    nnef_folder("1.nnef", weights, extra=True)
    onnx_file("1.onnx", weights)
    nnc("encode", "0.onnx", "0.nnr")
    refused = nnc("encode", "--base", "0.nnr", "1.nnef", "1.nnr", code=2)
    assert "1.nnef has a graph in NNEF, and the base model one in ONNX; convert it, or encode it without --base" in refused
    refused = nnc("encode", "--base", "0.nnr", "1.onnx", "1.nnr", code=2)
    assert "1.onnx lacks 'c' of the base model: an update cannot remove tensors; encode the model without --base" in refused
    assert not Path("1.nnr").exists()


@pytest.mark.parametrize("content", [b"", b"nnc-st"])
def test_a_cut_state_is_not_taken_for_a_stream(folder: Path, content: bytes) -> None:
    Path("s.nncstate").write_bytes(content)
    refusal = nnc("encode", "--base", "s.nncstate", "1.safetensors", "1.nnr", code=1)
    assert "s.nncstate: no state file; this version reads nnc-state/1; name another file, or begin a session anew" in refusal


def test_an_update_without_the_streams_before_it_is_refused_with_the_remedy(folder: Path) -> None:
    nnc("encode", "0.safetensors", "0.nnr", "--edition", "2024")
    nnc("encode", "--base", "0.nnr", "1.safetensors", "1.nnr")
    remedy = "(no stream was applied before it; name the whole model and earlier updates first)"
    assert remedy in nnc("encode", "--base", "1.nnr", "1.safetensors", "2.nnr", code=2)
    assert remedy in nnc("decode", "1.nnr", "out.npz", "--state", "s.nncstate", code=2)
    assert not Path("s.nncstate").exists()


def test_differences_are_not_written_as_a_model_to_run(folder: Path) -> None:
    weights = np.ones((4, 4), np.float32)
    onnx_file("0.onnx", weights)
    onnx_file("1.onnx", weights * 2, "Sigmoid")
    nnc("encode", "0.onnx", "0.nnr")
    nnc("encode", "--base", "0.nnr", "1.onnx", "1.nnr")
    for words in (["1.nnr", "out.onnx"], ["0.nnr", "1.nnr", "out.onnx", "--difference"]):
        assert "out.onnx: the stream codes 'w' as a difference, which cannot be run" in nnc("decode", *words, code=1)
    nnc("decode", "0.nnr", "1.nnr", "out.onnx")
    assert [node.op_type for node in onnx.load("out.onnx").graph.node] == ["MatMul", "Sigmoid"]


def test_a_model_that_returns_to_an_earlier_one_can_be_sent(folder: Path) -> None:
    """Whole tensors of an update, and an update of nothing, would be the bytes of an earlier one."""
    for number in range(2):
        save_file({"n": np.array([np.nan, number], np.float32)}, f"{number}.safetensors")
    streams = []
    for step, number in enumerate([0, 1, 0, 1, 0, 0, 0]):
        streams.append(f"{step}.nnr")
        base = ["--base", "s.nncstate"] if step else []
        nnc("encode", f"{number}.safetensors", streams[-1], "--state", "s.nncstate", *base)
        nnc("decode", *streams, "out.safetensors")
        assert load_file("out.safetensors")["n"].tolist()[1] == number
        nnc("decode", streams[-1], "out.safetensors", "--state", "d.nncstate")
        assert load_file("out.safetensors")["n"].tolist()[1] == number
    assert len({Path(name).read_bytes() for name in streams}) == len(streams)
