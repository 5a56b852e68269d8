"""The second edition on streams of and for the independent codec: each stream's tensors, and the
model after it, bit for bit.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import DATA
from helpers.sampling import sampled
from safetensors.numpy import load

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.codeword import decode_codeword, read_qp_deltas
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import IntDqFlag, Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.updates.base_model import BaseModel

ARCHIVE = Path(os.environ.get("NNC_SECOND_EDITION_SAMPLES", DATA / "second-edition" / "samples.zip"))
FILES = {Path(name).name: name for name in zipfile.ZipFile(ARCHIVE).namelist() if not name.endswith("/")}
SEQUENCES = sorted(name.removesuffix(".json") for name in FILES if name.endswith(".json"))
WITHOUT_BASE = {"p-no-node-id-device0-depth0", "p-no-node-id-device3-depth5"}
"""Updates without a base stream."""
TCA_IN_RAW_FLOAT = {"w-006", "w-036", "w-177", "w-180"}
"""Sequences that break rule tca-raw, of policy may."""
INTEGERS = {"f-int-dqflag1-scan0": Interpretation(int_dq_flag=IntDqFlag.IGNORED)}
"""Sequences of a disputed point of the first edition."""


def content(name: str) -> bytes:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return archive.read(FILES[name])


def steps_of(sequence: str) -> list[str]:
    """Names of a sequence's streams, without the suffix, in order."""
    if f"{sequence}.nnr" in FILES:
        return [sequence]
    count = sum(name.startswith(f"{sequence}.") and name.endswith(".nnr") for name in FILES)
    return [f"{sequence}.{step}" for step in range(count)]


def assert_equal(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, values in expected.items():
        rounded = values.astype(np.float32) if values.dtype == np.float64 else values
        assert (found[name].dtype, found[name].shape) == (rounded.dtype, rounded.shape), name
        assert found[name].tobytes() == rounded.tobytes(), name


@pytest.mark.parametrize(
    ("sequence", "kernel"), sampled([(f"{name}-{kernel}", (name, kernel)) for name in SEQUENCES for kernel in ("plain", "fast")], 3)
)
def test_every_step_decodes_bit_for_bit(sequence: str, kernel: str) -> None:
    model = None if sequence in WITHOUT_BASE else BaseModel()
    interpretation, lenient = INTEGERS.get(sequence), sequence in TCA_IN_RAW_FLOAT
    for step in steps_of(sequence):
        decoded = decode(content(f"{step}.nnr"), base=model, kernel=kernel, interpretation=interpretation, lenient=lenient)
        assert_equal(decoded.parameters, load(content(f"{step}.safetensors")))
        if decoded.model is not None and f"{step}.model.safetensors" in FILES:
            assert_equal(decoded.model.parameters, load(content(f"{step}.model.safetensors")))
        model = decoded.model


def test_there_are_samples_of_every_kind() -> None:
    options = [json.loads(content(f"{sequence}.json")) for sequence in SEQUENCES]
    assert len(options) >= 150
    assert any(len(steps_of(sequence)) > 3 for sequence in SEQUENCES)
    assert {sequence.partition("-")[0] for sequence in SEQUENCES} >= set("abcdefghijklmnprswxy")


@pytest.mark.parametrize("sequence", sorted(TCA_IN_RAW_FLOAT & set(SEQUENCES)))
def test_tca_in_a_raw_float_is_refused_by_a_strict_decoder(sequence: str) -> None:
    model = BaseModel()
    with pytest.raises(StreamError) as refused:
        for step in steps_of(sequence):
            model = decode(content(f"{step}.nnr"), base=model).model or BaseModel()
    assert refused.value.rule == "tca-raw"


@pytest.mark.parametrize("sequence", [sequence for sequence in SEQUENCES if sequence.startswith("n-dc")])
def test_inspection_reads_the_qp_deltas_that_decoding_finds(sequence: str) -> None:
    """Between the tensors of a decomposed block stand flags and lists of skipped rows."""
    interpretation, compared = Interpretation(), 0
    for unit in read_units(content(f"{steps_of(sequence)[0]}.nnr"), StreamContext(), interpretation=interpretation, rules=Enforcement()):
        header = unit.data_unit_header
        if header is None or "cabac_codeword" not in unit.payload:
            continue
        codings = [coding_of(part, header, interpretation) for part in coded_parts(header)]
        payload = unit.payload["cabac_codeword"]
        expected = [tensor.qp_delta for tensor in decode_codeword(payload, codings).tensors]
        assert read_qp_deltas(payload, codings) == expected
        compared += 1
    assert compared
