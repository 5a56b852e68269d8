"""Edges that no goal of coverage names: each is held by published vectors."""

from pathlib import Path

import pytest

IDS = [path.parent.name for path in (Path(__file__).parents[2] / "vectors").glob("*/*/vector.json")]

EDGES = {
    "UTF-8: the first and last characters of each length": ("ndu-id-utf8-ends", "ndu-id-list-utf8"),
    "UTF-8: overlong forms": (
        "bad-string-utf8-overlong-last-of-two",
        "bad-string-utf8-overlong-last-of-three",
        "bad-string-utf8-overlong-last-of-four",
    ),
    "UTF-8: surrogates": ("bad-string-utf8-surrogate", "bad-string-utf8-last-surrogate", "bad-string-utf8-surrogate-pair"),
    "UTF-8: lone and missing continuations": (
        "bad-string-utf8-lone-continuation",
        "bad-string-utf8-lone-last-continuation",
        "bad-string-utf8-missing-continuation-of-two",
        "bad-string-utf8-missing-continuation-of-three",
        "bad-string-utf8-missing-continuation-of-four",
    ),
    "UTF-8: F5 to FF": ("bad-string-utf8-f5", "bad-string-utf8-f8", "bad-string-utf8-fc", "bad-string-utf8-fe"),
    "reading on: a codeword": ("bad-cabac-end-int-next-fits", "bad-cabac-end-float-dq-next-fits", "bad-cabac-end-block-next-fits"),
    "reading on: a string": ("bad-string-end-list-short-next-fits",),
    "reading on: an alignment": ("bad-header-in-unit-mps-alignment-next-fits", "bad-header-in-unit-lps-alignment-next-fits"),
    "reading on: raw numbers": ("bad-raw-size-next-fits", "bad-raw-size-next-number-fits"),
    "the last unit: too long": ("bad-payload-end-last-lps", "bad-payload-end-last-reflist", "bad-payload-end-codeword-bytes"),
    "the last unit: too short": (
        "bad-cabac-end-cut-1",
        "bad-raw-size-one-byte",
        "bad-header-in-unit-reflist-count-topology-elements-minus2",
    ),
    "terminate bin 0: in a BLOCK, a decomposed BLOCK, the last of three tensors": (
        "bad-terminate-bin-0-block",
        "bad-terminate-bin-0-decomposed",
        "bad-terminate-bin-0-last-of-three",
    ),
    "counts above 2^32": (
        "bad-string-end-reflist-above-2-32",
        "bad-index-range-block-above-2-32",
        "bad-header-in-unit-dimensions-above-2-32",
        "bad-header-in-unit-codebook-above-2-32",
        "bad-header-in-unit-shifts-above-2-32",
        "bad-header-in-unit-pruned-dimensions-above-2-32",
        "bad-header-in-unit-mask-of-2-32-bits-less-1",
    ),
    "unary length 256 with dq_flag": ("cabac-unary-length-256-dq",),
    "contexts from one end of their range to the other": tuple(f"cabac-extremes-set-{number}" for number in range(9)),
    "products that underflow": ("value-subnormal", "value-codebook-underflow"),
    "index 0 with an overflowing step": ("value-zero-times-large-step",),
    "FLOAT16: NaN payloads, subnormals, ties": ("format-raw-to-float16", "format-raw-to-float16-subnormal", "format-raw-to-float16-ties"),
    "RAW_FLOAT: signalling NaN": ("ndu-raw-special-values",),
    "block scans of tensors of five dimensions": ("scan-five-dimensions",),
    "partial sets: large pieces, 31-bit sizes, differing flags": ("partial-large-pieces",),
    "topologies that inflate to more than 64 KiB": ("tpl-unrec-deflate-large",),
    "ONNX dimensions, packed and not": ("tpl-onnx-dimensions", "tpl-onnx-dimensions-packed"),
    "ONNX dimensions of Constant nodes": ("tpl-onnx-dimensions-constant",),
    "scalars whose shape comes from a topology": ("tpl-onnx-scalars",),
}
"""The vectors that hold each edge, by its kind and what it is."""


@pytest.mark.parametrize("edge", EDGES)
def test_the_vectors_of_an_edge_are_published(edge: str) -> None:
    assert sorted(set(EDGES[edge]) - set(IDS)) == []


def test_every_vector_with_a_count_above_2_to_the_32_is_listed() -> None:
    listed = {name for names in EDGES.values() for name in names}
    assert sorted({name for name in IDS if name.endswith("-above-2-32")} - listed) == []
