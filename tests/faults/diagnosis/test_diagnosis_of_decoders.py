"""Decoders with a common fault are run and explained as a user would."""

import json
from pathlib import Path

import pytest
from helpers.command_line import nnc

HEAD = """
from nnc_conformance.reference.decoder import decode_with
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.reader import Reader
"""
TAIL = """
def decode(stream):
    return changed(decode_with(stream, DecoderOptions()).parameters)
"""
CANONICAL = """
import numpy as np
def canonical(values):
    return np.where(np.isnan(values), np.float32(np.nan), values) if values.dtype == np.float32 else values
def changed(parameters):
    return {name: canonical(values) for name, values in parameters.items()}
"""
UNSIGNED = """
signed = Reader.i
def unsigned(self, name, n, index=None):
    return signed(self, name, n, index) % (2**n if name.endswith("ps_quantization_parameter") else 2**64)
Reader.i = unsigned
changed = dict
"""


@pytest.mark.parametrize(
    ("source", "vectors", "element", "cause"),
    [
        pytest.param(CANONICAL, "*-raw-*", "raw_float32_parameter", "canonical-nan", id="canonical-nan"),
        pytest.param(UNSIGNED, "*qp-*", "mps_quantization_parameter", "qp-of-both-sets-unsigned", id="qp-unsigned"),
    ],
)
def test_a_common_fault_is_named_first(source: str, vectors: str, element: str, cause: str, tmp_path: Path) -> None:
    module = f"wrong_{cause.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(HEAD + source + TAIL)
    (tmp_path / "decoder.toml").write_text(f'name = "wrong"\nkind = "python"\ncommand = "{module}:decode"\n')
    judged = nnc("run", "--decoder", "decoder.toml", "--output", "results", "--filter", f"id={vectors}", "--jobs", "1", cwd=tmp_path)
    assert judged.returncode == 1, judged.stderr
    failed = [one["vector"] for one in json.loads((tmp_path / "results/results.json").read_text())["cases"] if one["outcome"] != "pass"]
    explained = nnc("explain", "results", failed[0], "--budget", "30", "--jobs", "1", "--json", cwd=tmp_path)
    assert explained.returncode == 0, explained.stderr
    found = json.loads(explained.stdout)
    assert (found["causes"][0]["cause"], found["causes"][0]["exact"]) == (cause, True)
    assert found["elements"][0]["element"] == element
