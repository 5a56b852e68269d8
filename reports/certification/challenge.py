"""The challenge: fresh random streams that the decoder must decode while the certificate is issued."""

import tempfile
from pathlib import Path

from nnc_conformance.generator import stress
from nnc_conformance.reports.certification.certificate import (
    Challenge,
    EditionedChallenge,
    certified_case,
    challenge_seed,
    expectation_of,
)
from nnc_conformance.reports.certification.decoder_files import decoder_files
from nnc_conformance.storage.suite_folder import load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import AnyVector, Level
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions


def challenge(
    spec: DecoderSpec, results_sha256: str, nonce: str, count: int, options: RunOptions | None = None, *, editioned: bool = False
) -> Challenge:
    """Draw ``count`` streams within the declared capabilities, run the decoder on them, and
    compare.

    Those of a certificate that names editions (``editioned``) hold the edition of each.

    Raises `StressError` if the decoder declares no payload type, and what `run` raises.
    """
    seed = challenge_seed(nonce, results_sha256, decoder_files(spec))
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-challenge-") as scratch:
        root = Path(scratch) / "suite"
        vectors: dict[str, AnyVector] = {}
        for made in stress.vectors(seed, count, frozenset(spec.capabilities)):
            write_vector(root, made.vector, made.files)
            vectors[made.vector.id] = made.vector
        write_manifest(root, vectors.values())
        results = run(load_suite(root), [spec], Path(scratch) / "results", levels=[Level.STRESS], options=options)
    cases = [certified_case(vectors[result.vector], result, editioned=editioned) for result in results.cases]
    form = EditionedChallenge if editioned else Challenge
    return form.model_validate({"grammar": stress.GRAMMAR, "nonce": nonce, "cases": cases})


def is_drawn_so(drawn: Challenge, seed: int, capabilities: frozenset[str]) -> bool:
    """Draw the streams of a challenge again.

    Return whether streams, order and expectations are the same.
    """
    editioned = isinstance(drawn, EditionedChallenge)
    fresh = [expectation_of(made.vector, editioned=editioned) for made in stress.vectors(seed, len(drawn.cases), capabilities)]
    return [case.expectation for case in drawn.cases] == fresh
