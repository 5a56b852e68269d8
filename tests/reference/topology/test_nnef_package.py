"""Annex A against Khronos's own package: what it writes is read, and what is written here it reads.

In a session of its own (nnef).
"""

from pathlib import Path

import nnef
import numpy as np
import pytest
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference.topology.nnef import ITEMS, read_tensor, write_tensor
from nnc_conformance.storage.model_files import read_model

GRAPH = """version 1.0;

graph net(input) -> (output)
{
    input = external<scalar>(shape = [2, 1, 8, 8]);
    filter = variable<scalar>(shape = [4, 1, 3, 3], label = 'conv/filter');
    bias = variable<scalar>(shape = [1, 4], label = 'conv/bias');
    output = conv(input, filter, bias, padding = [(0,0), (0,0)]);
}
"""
VALUES = {
    "conv/filter": np.random.default_rng(0).normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32),
    "conv/bias": np.array([[0.5, -1.0, 2.0, 0.25]], np.float32),
}


@pytest.mark.parametrize("dtype", sorted(ITEMS.values(), key=str), ids=str)
@pytest.mark.parametrize("shape", [(3, 5), (7,), ()], ids=str)
def test_tensors_are_the_same_both_ways(dtype: np.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    values = (
        np.random.default_rng(1).integers(0, 2, shape).astype(dtype)
        if dtype.kind == "b"
        else (np.random.default_rng(1).random(shape) * 100).astype(dtype)
    )
    values = np.asarray(values)
    with (tmp_path / "theirs.dat").open("wb") as file:
        nnef.write_tensor(file, values)
    assert (tmp_path / "theirs.dat").read_bytes() == write_tensor(values, "x")
    np.testing.assert_array_equal(read_tensor((tmp_path / "theirs.dat").read_bytes(), "x"), values)
    (tmp_path / "ours.dat").write_bytes(write_tensor(values, "x"))
    with (tmp_path / "ours.dat").open("rb") as file:
        np.testing.assert_array_equal(nnef.read_tensor(file), values)


def model(folder: Path) -> Path:
    (folder / "conv").mkdir(parents=True)
    (folder / "graph.nnef").write_text(GRAPH)
    for label, values in VALUES.items():
        with (folder / f"{label}.dat").open("wb") as file:
            nnef.write_tensor(file, values)
    return folder


def convolved(folder: Path, images: np.ndarray) -> np.ndarray:
    """What the graph computes, from how the package reads the model.

    The package itself has no runtime for all platforms.
    """
    graph = nnef.load_graph(str(folder))
    operations = {operation.name: operation for operation in graph.operations}
    assert operations["conv"].inputs["filter"] == "filter"
    tensors = {name: np.asarray(tensor.data) for name, tensor in graph.tensors.items() if tensor.data is not None}
    kernel, bias = tensors["filter"], tensors["bias"]
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, kernel) + bias.reshape(1, -1, 1, 1)


def test_a_model_goes_to_a_stream_and_back(tmp_path: Path) -> None:
    source, stream, back = model(tmp_path / "in"), tmp_path / "s.nnr", tmp_path / "out.nnef"
    app, run = build_app(), CliRunner().invoke
    assert run(app, ["encode", str(source), str(stream), "--qp", "-40"]).exit_code == 0
    assert run(app, ["decode", str(stream), str(back)]).exit_code == 0
    images = np.random.default_rng(2).normal(0, 1, (2, 1, 8, 8)).astype(np.float32)
    assert np.abs(convolved(back, images) - convolved(source, images)).max() < 0.02
    assert (back / "graph.nnef").read_bytes() == (source / "graph.nnef").read_bytes()


def test_the_package_refuses_a_container_and_reads_what_comes_out_of_it(tmp_path: Path) -> None:
    source, packed, back = model(tmp_path / "in"), tmp_path / "packed.nnef", tmp_path / "out.nnef"
    app, run = build_app(), CliRunner().invoke
    assert run(app, ["encode", str(source), str(packed), "--qp", "-40"]).exit_code == 0
    with (packed / "conv" / "filter.dat").open("rb") as file, pytest.raises(ValueError, match=r"."):
        nnef.read_tensor(file)
    assert run(app, ["decode", str(packed), str(back)]).exit_code == 0
    graph = nnef.load_graph(str(back))
    decoded = read_model(back).parameters
    np.testing.assert_array_equal(np.asarray(graph.tensors["filter"].data), decoded["conv/filter"])
