"""Reading a stream's syntax needs no compiler: nothing loads Numba or ONNX, and nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.composer import (
    HeaderForm,
    TensorContent,
    data_unit,
    model_parameter_set,
    simple_header,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.encoder_options import Block
from nnc_conformance.reference.inspection import MOST_INDEXES_BEFORE_QP, row_text, unit_rows
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_DICT, NNR_TPL_ONNX, NNR_TPL_PRUN, RAW

FOLDER = Path(__file__).parents[2] / "vectors"
BLOCK = FOLDER / "core" / "block-bi" / "stream.nnr"

SYNTAX = """
import importlib, pkgutil
from nnc_conformance.reference import syntax
for module in pkgutil.walk_packages(syntax.__path__, f"{syntax.__name__}."):
    importlib.import_module(module.name)
"""
COMMAND = """
import sys
from nnc_conformance.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    assert not left.code, left.code
"""
REPORT = "\nimport sys\nprint(*sorted({'numba', 'onnx', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"


def loaded(home: Path, script: str, *arguments: object) -> str:
    """The names of the compiler and of ONNX that are loaded after a script.

    Its home folder must stay empty.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("NNC_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", script + REPORT, *map(str, arguments)],
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
    return done.stderr.strip()


def test_the_syntax_is_imported_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, SYNTAX) == ""


@pytest.mark.parametrize("words", [["--help"], ["inspect", "--help"], ["inspect", BLOCK], ["inspect", BLOCK, "--json"]])
def test_help_and_inspect_load_no_compiler(tmp_path: Path, words: list[object]) -> None:
    assert loaded(tmp_path, COMMAND, *words) == ""


@pytest.mark.parametrize(
    ("vector", "found"),
    [("tpl-onnx-raw", ""), ("tpl-onnx-deflate-blocks", ""), ("tpl-onnx-dimensions", "onnx"), ("block-dc-dimensions-from-topology", "onnx")],
)
def test_only_missing_dimensions_load_onnx(tmp_path: Path, vector: str, found: str) -> None:
    (stream,) = FOLDER.glob(f"*/{vector}/stream.nnr")
    assert loaded(tmp_path, COMMAND, "inspect", stream) == found


def test_dimensions_in_a_pruning_container_load_no_onnx(tmp_path: Path) -> None:
    element = {"element_id": "a", "count_dims": 1, "dim": [2]}
    flags = {"nnr_rep_type": NNR_TPL_DICT, "prune_flag": 1, "order_flag": 1, "sparse_flag": 0}
    container = topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": {**flags, "count_ids": 1, "pruned_element": [element]}})
    header = simple_header(NNR_PT_RAW_FLOAT, "a", (2,), None)
    unit = data_unit(header, np.ones(2, np.float32), form=HeaderForm(dimensions_present=False, input_parameters=False))
    topology = topology_unit(NNR_TPL_ONNX, RAW, {"topology_data": b"no model"})
    stream = write_units([start_unit(), model_parameter_set(None), topology, container, unit])
    (tmp_path / "pruned.nnr").write_bytes(stream)
    home = tmp_path / "home"
    home.mkdir()
    assert loaded(home, COMMAND, "inspect", tmp_path / "pruned.nnr") == ""


def test_inspect_shows_the_own_qp_of_each_tensor(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    parameters = {
        "small": draw.normal(size=(5, 4)).astype(np.float32),
        "w": draw.normal(size=(MOST_INDEXES_BEFORE_QP + 1, 2)).astype(np.float32),
        "b": draw.normal(size=MOST_INDEXES_BEFORE_QP + 1).astype(np.float32),
    }
    blocks = (Block({"weight": "w", "bias": "b"}),)
    stream = encode(parameters, options=EncoderOptions(qp=-38, tensor_qp={"small": -30, "w": -29, "b": -60}, blocks=blocks))
    small, block = [row for row in unit_rows(stream) if row["type"] == "NNR_NDU"]
    assert small["qp"] == {"small": -30} and "qp -30 density 2" in row_text(small)
    assert block["qp"] == {"b": -60} and "'b' -60, 'w' -38 + qp_delta" in row_text(block)
    small, block = [row for row in unit_rows(stream, values=True) if row["type"] == "NNR_NDU"]
    assert block["qp"] == {"b": -60, "w": -29}
    decoded = decode(stream).parameters["w"]
    assert f"'w' float32 4097x2 from {decoded.min():g} to {decoded.max():g}, {np.mean(decoded == 0):.1%} zeros" in row_text(block)


def test_a_qp_that_cannot_be_read_is_left_out() -> None:
    quantization = Quantization(2, -38)
    header = simple_header(NNR_PT_FLOAT, "w", (5, 4), quantization)
    unit = data_unit(header, {"w": TensorContent(np.ones((5, 4), np.int32))})
    unit["nnr_unit_payload"] = {"cabac_codeword": b"\0"}
    rows = list(unit_rows(write_units([start_unit(), model_parameter_set(quantization), unit])))
    assert "qp" not in rows[-1] and "qp -38 + qp_delta" in row_text(rows[-1])
