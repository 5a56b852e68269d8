"""The stress grammar: the same streams from the same seed, legal, undisputed, within the
capabilities asked for, and not all alike.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import plain_decoder
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.stress import PAYLOADS, StressError, ids, vectors
from nnc_conformance.generator.stress_units import Dice
from nnc_conformance.reference import Interpretation, decode
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.safetensors_format import load_safetensors, tensors_sha256
from nnc_conformance.storage.vector import Level, capabilities_of

DRAWN = {"int", "float", "raw-float", "block", "block-dc", "dq", "codebook", "block-scan", "lps", "indexed-reference", "data-format"}
SCRIPT = """
from nnc_conformance.generator.stress import vectors
print(*(made.vector.stream.sha256 for made in vectors(5, 6)), *(made.vector.expected.sha256 for made in vectors(5, 6)))
"""


@pytest.fixture(scope="module")
def made():
    return list(vectors(20261124, 120))


def test_every_tool_is_drawn_and_no_other(made) -> None:
    counts = Counter(flag for one in made for flag in one.vector.flags)
    assert set(counts) == DRAWN
    assert min(counts.values()) >= 10
    assert len({one.vector.stream.sha256 for one in made}) == len(made)
    assert any(one.vector.stream.size > 32767 for one in made)
    assert all(one.vector.level is Level.STRESS for one in made)


def test_only_verified_and_published_facts(made) -> None:
    assert {one.vector.provenance for one in made} == {Provenance.VERIFIED, Provenance.PUBLISHED}


def test_a_decoder_that_shares_no_code_agrees(made) -> None:
    for one in made[:40]:
        expected = load_safetensors(one.files["expected.safetensors"])
        plain = plain_decoder.decode(one.files["stream.nnr"]).parameters
        assert plain.keys() == expected.keys()
        for name, values in expected.items():
            assert plain[name].dtype == values.dtype
            assert plain[name].shape == values.shape
            assert plain[name].tobytes() == values.tobytes(), (one.vector.id, name)


@pytest.mark.slow
def test_no_choice_of_a_disputed_point_changes_them(made) -> None:
    for switch, choices in Interpretation.switches().items():
        for choice in choices:
            interpretation = replace(Interpretation(), **{switch: choice})
            for one in made[:60]:
                decoded = decode(one.files["stream.nnr"], interpretation=interpretation)
                assert tensors_sha256(decoded.parameters) == one.vector.expected.sha256, (switch, choice)


def test_another_process_draws_the_same() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "3", "TZ": "Asia/Tokyo"}
    printed = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True).stdout.split()
    here = list(vectors(5, 6))
    assert printed == [one.vector.stream.sha256 for one in here] + [one.vector.expected.sha256 for one in here]
    assert printed[:6] != [one.vector.stream.sha256 for one in vectors(6, 6)]


def test_a_longer_draw_begins_as_a_shorter_one() -> None:
    assert [one.vector for one in vectors(1, 3)] == [one.vector for one in vectors(1, 5)][:3]


@pytest.mark.parametrize("seed", [4150, 4709, 5214])
def test_ids_are_each_once_where_a_word_ends_in_digits(seed: int) -> None:
    """Of these seeds two words, each with its number behind it, are the same."""
    drawn = ids(Dice(Numbers(seed, "ids")), 40)
    assert len(set(drawn)) == 40
    assert sorted(Counter(name.replace("/", "") for name in drawn).values())[-2:] == [1, 2]


@settings(max_examples=25)
@given(st.frozensets(st.sampled_from(capabilities_of(2022))), st.integers(0, 1 << 128))
def test_nothing_beyond_the_capabilities_is_needed(capabilities, seed) -> None:
    if not capabilities & PAYLOADS.keys():
        with pytest.raises(StressError):
            list(vectors(seed, 1, capabilities))
        return
    for one in vectors(seed, 2, capabilities):
        assert set(one.vector.flags) <= capabilities
        tensors = load_safetensors(one.files["expected.safetensors"])
        assert all(np.prod(values.shape) <= 8500 for values in tensors.values())
