"""Negative vectors isolate their rule: a decoder that lacks only this rule decodes them.

By default on a sample; `nox -s isolated` takes every vector (NNC_ISOLATED=all). NNC_SEED repeats a
sample.
"""

import os
import random
import re
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from isolated.lacking import load
from isolated.omissions import OMISSIONS, Omission
from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import Level, Vector

VECTORS = {stored.vector.id: stored for stored in load_suite(Path(__file__).parents[2] / "vectors").vectors}
NEGATIVE = [stored for stored in VECTORS.values() if stored.vector.negative is not None]
GOOD = [stored for stored in VECTORS.values() if stored.vector.level is Level.CORE and stored.vector.steps[-1].stream.size < 1000]
SEED = int(os.environ.get("NNC_SEED", random.SystemRandom().randrange(1 << 32)))
ALL = os.environ.get("NNC_ISOLATED") == "all"
SAMPLE = 60
"""Vectors of the default run."""
SECONDS = 2
"""Processor time that a decoder may take for a stream."""
GOOD_SAMPLE = 3
"""Good vectors for each decoder of the default run; the session takes ten times as many."""

SUCCESSORS = {
    "bad-block-ids-no-parts": "bad-block-ids-weight-alone",
    "bad-block-ids-one": "bad-block-ids-one-part",
    "bad-cabac-end-block": "bad-cabac-end-block-next-fits",
    "bad-codebook-size-0": "bad-codebook-size-0-zeros",
    "bad-codebook-size-offset-high": "bad-codebook-size-offset-high-in-range",
    "bad-codebook-size-offset-low": "bad-codebook-size-offset-low-in-range",
    "bad-dims-absent-flag-0": "bad-dims-absent-scalar",
    "bad-dims-absent-no-input-parameters": "bad-dims-absent-scalar-no-input-parameters",
    "bad-dims-absent-not-in-base": "bad-dims-absent-scalar",
    "bad-dims-count-0": "bad-dims-count-scalar",
    "bad-dims-product-2-31-and-more": "bad-dims-product-modulo-2-32-int",
    "bad-dims-product-2-32": "bad-dims-product-modulo-2-32-int",
    "bad-dims-product-2-32-and-3": "bad-dims-product-modulo-2-32-int",
    "bad-dims-product-2-40": "bad-dims-product-modulo-2-32-int",
    "bad-dims-product-2-63": "bad-dims-product-modulo-2-64-int",
    "bad-dims-product-2-64": "bad-dims-product-modulo-2-64-int",
    "bad-dims-product-65536-squared": "bad-dims-product-modulo-2-32-int-two-dimensions",
    "bad-dims-product-decomposed": "bad-dims-product-modulo-2-32-decomposed",
    "bad-dims-product-ten-dimensions": "bad-dims-product-modulo-2-64-int",
    "bad-golomb-length-64-bits": "bad-golomb-length-unused-rank",
    "bad-golomb-length-rank": "bad-golomb-length-unused-rank",
    "bad-index-range-dictionary": "bad-index-range-dictionary-and-data",
    "bad-interval-510": "bad-interval-510-all-read",
    "bad-interval-block-row": "bad-interval-block-row-all-read",
    "bad-interval-late-block-row": "bad-interval-block-row-all-read",
    "bad-interval-start": "bad-interval-511-all-read",
    "bad-partial-order-other-type": "bad-partial-order-topology-then-quantization",
    "bad-partial-order-repeats": "bad-partial-order-repeats-empty",
    "bad-partial-order-skips": "bad-partial-order-skips-empty",
    "bad-partial-order-stream-ends": "bad-partial-order-last-empty-missing",
    "bad-payload-end-lps": "bad-payload-end-lps-and-data",
    "bad-payload-end-mps": "bad-payload-end-mps-and-data",
    "bad-payload-end-reflist": "bad-payload-end-reflist-and-data",
    "bad-payload-end-str": "bad-payload-end-str-and-data",
    "bad-rank-0": "bad-rank-0-no-indexes",
    "bad-rank-rows-0": "bad-rank-rows-0-no-indexes",
    "bad-rank-rows-24": "bad-rank-rows-24-rounded",
    "bad-rank-rows-5": "bad-rank-rows-5-rounded",
    "bad-string-end-list": "bad-string-end-list-before-a-unit",
    "bad-string-end-list-short": "bad-string-end-list-short-next-fits",
    "bad-string-end-ndu": "bad-string-end-ndu-after-data",
    "bad-string-utf8-list": "bad-string-utf8-list-and-data",
    "bad-tca-parent-elements": "bad-tca-parent-device",
    "bad-terminate-many-more": "bad-terminate-bin-0",
    "bad-terminate-more-indexes": "bad-terminate-bin-0",
    "bad-unit-size-end-first-byte": "bad-unit-size-end-cut-15-bit-size",
    "bad-unit-size-end-one-byte": "bad-unit-size-end-one-byte-of-data",
}
"""Vectors whose streams such a decoder refuses for another reason, and the vectors that succeed
them.
"""

WITHOUT_TENSORS = {"bad-first-unit-empty"}
"""Vectors whose streams have no unit, so that a decoder that accepts them gives no tensor."""

UNAFFORDABLE = {"bad-cabac-end-billions", "bad-cabac-end-millions", "bad-limits-bytes"}
"""Vectors for which a decoder without the rule gives tensors of 100 million elements and more."""

MADE_FOR = {
    "-fits$": "reads on past a unit's end",
    "-above-2-32$|-2-32-bits-less-1$": "keeps counts in 32 bits",
    "-modulo-2-32-": "multiplies dimensions modulo 2 ** 32",
    "-modulo-2-64-": "multiplies dimensions modulo 2 ** 64",
}
"""Patterns of ids, and the decoder that these vectors are there to catch."""


@cache
def decoder(omission: Omission) -> ModuleType:
    """The edited decoder of an omission."""
    return load(omission.edits)


def plainly(parameters: dict[str, np.ndarray]) -> dict[str, tuple[object, ...]]:
    return {name: (values.dtype, values.shape, values.tobytes()) for name, values in parameters.items()}


def decoded(omission: Omission, stored: StoredVector) -> dict[str, np.ndarray]:
    """What the decoder of an omission gives for the last stream of a vector."""
    module = decoder(omission)
    if isinstance(stored.vector, Vector):
        return module.decode(stored.streams()[0]).parameters  # type: ignore[no-any-return]
    return module.decode_session(stored.streams())[-1].parameters  # type: ignore[no-any-return]


def tensors(omission: Omission, stored: StoredVector) -> int | None:
    """How many tensors the decoder of an omission gives for the last stream of a vector.

    None if it does not decode it, or not soon.
    """
    decoder(omission)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return len(decoded(omission, stored))
    except Exception:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def stop(number: int, frame: object) -> None:
    raise TimeoutError


signal.signal(signal.SIGVTALRM, stop)


def accepting(stored: StoredVector) -> Iterator[int]:
    """Yield the number of tensors of each decoder that lacks the vector's rule and decodes it."""
    assert stored.vector.negative is not None
    for omission in OMISSIONS:
        if stored.vector.negative.rule in omission.rules and (count := tensors(omission, stored)) is not None:
            yield count


def successor(name: str) -> str | None:
    """The vector that succeeds one, None if it isolates its rule itself."""
    if name in SUCCESSORS:
        return SUCCESSORS[name]
    return next((name + end for end in ("-after-data", "-before-data") if name + end in VECTORS), None)


def sampled(vectors: list[StoredVector], count: int) -> list[StoredVector]:
    """Draw some of the vectors."""
    print(f"NNC_SEED={SEED} repeats this sample")
    return random.Random(SEED).sample(vectors, count)


def test_every_rule_with_a_vector_is_lacked_by_a_decoder() -> None:
    broken = {stored.vector.negative.rule for stored in NEGATIVE if stored.vector.negative is not None}
    assert broken - {"limits"} == {rule for omission in OMISSIONS for rule in omission.rules}
    assert broken <= set(RULES)


def test_a_decoder_without_the_rule_decodes_the_vector() -> None:
    chosen = [stored for stored in NEGATIVE if successor(stored.vector.id) is None and stored.vector.id not in UNAFFORDABLE]
    refused = []
    for stored in chosen if ALL else sampled(chosen, SAMPLE):
        enough = 0 if stored.vector.id in WITHOUT_TENSORS else 1
        if not any(count >= enough for count in accepting(stored)):
            refused.append(stored.vector.id)
    assert not refused, f"vectors that no decoder without their rule decodes: {refused}"


def test_successors_break_the_same_rule() -> None:
    for stored in NEGATIVE:
        name = successor(stored.vector.id)
        if name is not None:
            assert VECTORS[name].vector.negative == stored.vector.negative, name
            assert successor(name) is None, name


def test_vectors_catch_the_decoder_that_they_are_there_for() -> None:
    for pattern, behaviour in MADE_FOR.items():
        (omission,) = (omission for omission in OMISSIONS if omission.behaviour == behaviour)
        chosen = [stored for stored in NEGATIVE if re.search(pattern, stored.vector.id)]
        assert len(chosen) >= 4, pattern
        for stored in chosen:
            assert tensors(omission, stored), f"{stored.vector.id}: not decoded by one that {behaviour}"


def test_every_lacking_decoder_is_caught() -> None:
    for omission in OMISSIONS if ALL else random.Random(SEED).sample(OMISSIONS, 5):
        chosen = [stored for stored in NEGATIVE if stored.vector.negative is not None and stored.vector.negative.rule in omission.rules]
        affordable = (stored for stored in reversed(chosen) if stored.vector.id not in SUCCESSORS.keys() | UNAFFORDABLE)
        caught = any(tensors(omission, stored) for stored in affordable)
        assert caught, f"no vector catches the decoder that {omission.behaviour} (rules {omission.rules})"


@pytest.mark.parametrize("omission", OMISSIONS, ids=[f"{omission.rules[0]}: {omission.behaviour}" for omission in OMISSIONS])
def test_a_lacking_decoder_is_otherwise_right(omission: Omission) -> None:
    known = [stored for stored in GOOD if stored.vector.edition == 2022 or "profile" not in omission.rules]
    for stored in sampled(known, 10 * GOOD_SAMPLE if ALL else GOOD_SAMPLE):
        expected = stored.vector.steps[-1].expected
        assert expected is not None
        assert plainly(decoded(omission, stored)) == plainly(load_tensors(stored.read(expected))), stored.vector.id
