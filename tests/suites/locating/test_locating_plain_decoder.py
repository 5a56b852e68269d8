"""The element that a report names for bugs in a decoder that shares no code with the reference,
judged on core's small vectors.
"""

import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import plain_decoder
import pytest
from helpers.sampling import sampled

from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.vector import Level, Vector
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.locating.locate import LARGEST_STREAM
from nnc_conformance.suites.locating.spectrum import Spectrum, spectrum_of
from nnc_conformance.suites.locating.suspects import locate_fault

SIZE = "(codebook_size >> 1)"
CENTRE = f"{SIZE} + codebook_centre_offset"
BUGS = {
    "S1 scaled by 256": ("arithmetic", "Context.update", "self.S1) >> 7)", "self.S1) >> 8)", "context_state"),
    "S1 scaled by 64": ("arithmetic", "Context.update", "self.S1) >> 7)", "self.S1) >> 6)", "context_state"),
    "S1 scaled by 512": ("arithmetic", "Context.update", "self.S1) >> 7)", "self.S1) >> 9)", "context_state"),
    "S0 scaled by 16": ("arithmetic", "Context.update", "self.S0) >> 3)", "self.S0) >> 4)", "context_state"),
    "centre rounded up": ("codebook", "codebook", SIZE, "((codebook_size + 1) >> 1)", "codebook_size"),
    "even centre rounded down": ("codebook", "codebook", SIZE, "((codebook_size - 1) >> 1)", "codebook_size"),
    "even centre too high": ("codebook", "codebook", CENTRE, f"{CENTRE} + (codebook_size % 2 == 0)", "codebook_size"),
    "even middle looked up": (
        "codebook",
        "Codebook.value",
        "k + self.zero_offset",
        "k + self.zero_offset - (len(self.values) % 2 == 0)",
        "codebook_size",
    ),
    "centre without its offset": ("codebook", "codebook", CENTRE, SIZE, "codebook_centre_offset"),
    "centre on the other side": ("codebook", "codebook", CENTRE, f"{SIZE} - codebook_centre_offset", "codebook_centre_offset"),
    "zero value left out": ("codebook", "codebook", "[_int32(codebook_zero_value)]", "[0]", "codebook_zero_value"),
    "middle looked up": ("codebook", "Codebook.value", "k + self.zero_offset", "k + (len(self.values) >> 1)", "codebook_centre_offset"),
}
"""Module, function, text, what stands there instead, and the element to be named."""
ENTRIES = (5, 24, 100)
"""Places in the table of LPS ranges that get a wrong value."""


@pytest.fixture(scope="module")
def cases() -> list[tuple[bytes, Tensors, Spectrum]]:
    """Streams with their expected tensors and spectra."""
    suite = load_suite(built_in_root(), levels={Level.CORE}, verify=False)
    return [_case(stored) for stored in suite.vectors if isinstance(stored.vector, Vector) and stored.vector.stream.size <= LARGEST_STREAM]


def _case(stored: StoredVector) -> tuple[bytes, Tensors, Spectrum]:
    stream, expected = stored.read(stored.vector.stream), read_expected_output(stored).tensors
    assert expected is not None
    return stream, expected, spectrum_of(stream)


def fails(stream: bytes, expected: Tensors) -> bool:
    try:
        return bool(compare(expected, plain_decoder.decode(stream).parameters))
    except Exception:  # a crash of the decoder with the bug
        return True


def named(cases: list[tuple[bytes, Tensors, Spectrum]]) -> str:
    with np.errstate(all="ignore"):
        location = locate_fault("d", [spectrum for *_, spectrum in cases], [fails(stream, expected) for stream, expected, _ in cases])
    assert location is not None
    return location.named[0].element


@pytest.fixture
def bug(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put a bug into the plain decoder; give the element to be named."""
    name, path, old, new, element = BUGS[request.param]
    module = sys.modules[f"plain_decoder.{name}"]
    function: Any = module
    for step in path.split("."):
        function = vars(function)[step]
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1
    scope = dict(vars(module))
    exec(source.replace(old, new), scope)
    monkeypatch.setattr(function, "__code__", scope[path.rpartition(".")[2]].__code__)
    yield element


@pytest.mark.parametrize("bug", sampled([(name, (name,)) for name in BUGS], 3), indirect=True)
def test_the_element_of_a_bug_is_named(cases: list[tuple[bytes, Tensors, Spectrum]], bug: str) -> None:
    assert named(cases) == bug


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_wrong_entry_is_still_named_as_one(
    cases: list[tuple[bytes, Tensors, Spectrum]], monkeypatch: pytest.MonkeyPatch, entry: int
) -> None:
    arithmetic = sys.modules["plain_decoder.arithmetic"]
    table = list(vars(arithmetic)["LPS_RANGE_TABLE"])
    table[entry] += 2
    monkeypatch.setattr(arithmetic, "LPS_RANGE_TABLE", tuple(table))
    assert named(cases) == "lps_range_table"
