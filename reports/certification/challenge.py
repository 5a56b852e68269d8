"""The challenge: fresh random streams that the decoder must decode while the certificate is issued."""

import tempfile
from pathlib import Path
from typing import Final

from nnc_conformance.generator import stress, stress_sessions
from nnc_conformance.reports.certification.certificate import (
    Challenge,
    EditionedChallenge,
    certified_case,
    challenge_seed,
    expectation_of,
)
from nnc_conformance.reports.certification.certified_files import decoder_files
from nnc_conformance.storage.suite_folder import load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import AnyVector, Level
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions

GRAMMARS: Final = {stress.GRAMMAR: stress.vectors, stress_sessions.GRAMMAR: stress_sessions.vectors}
"""The functions that draw vectors, by the grammars' names."""


def challenge(
    spec: DecoderSpec, results_sha256: str, nonce: str, count: int, options: RunOptions | None = None, *, editioned: bool = False
) -> Challenge:
    """Draw ``count`` streams within the declared capabilities, run the decoder on them, and
    compare.

    Those of a certificate that names editions (``editioned``) hold the edition of each, and
    sessions if the decoder declares the second edition.

    Raises `StressError` if the decoder declares no payload type, and what `run` raises.
    """
    seed = challenge_seed(nonce, results_sha256, decoder_files(spec))
    grammar = stress_sessions.GRAMMAR if editioned and stress_sessions.NEEDED in spec.capabilities else stress.GRAMMAR
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-challenge-") as scratch:
        root = Path(scratch) / "suite"
        vectors: dict[str, AnyVector] = {}
        for made in GRAMMARS[grammar](seed, count, frozenset(spec.capabilities)):
            write_vector(root, made.vector, made.files)
            vectors[made.vector.id] = made.vector
        write_manifest(root, vectors.values())
        results = run(load_suite(root), [spec], Path(scratch) / "results", levels=[Level.STRESS], options=options)
    judged = {result.vector: result for result in results.cases}
    cases = [certified_case(vector, judged[name], editioned=editioned) for name, vector in vectors.items()]
    form = EditionedChallenge if editioned else Challenge
    return form.model_validate({"grammar": grammar, "nonce": nonce, "cases": cases})


def is_drawn_so(drawn: Challenge, seed: int, capabilities: frozenset[str]) -> bool:
    """Draw the streams of a challenge again.

    Return whether streams, order and expectations are the same.
    """
    editioned = isinstance(drawn, EditionedChallenge)
    fresh = [expectation_of(made.vector, editioned=editioned) for made in GRAMMARS[drawn.grammar](seed, len(drawn.cases), capabilities)]
    return [case.expectation for case in drawn.cases] == fresh
