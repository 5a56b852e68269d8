"""examples/peer: the independent codec in its own environment, as any decoder of the makers' own."""

from pathlib import Path

import pytest
from helpers import example_runs
from helpers.update_sessions import SEQUENCES, bits_of

from nnc_conformance.generator.facts import met_in_session
from nnc_conformance.reference import BaseModel
from nnc_conformance.storage.vector import capabilities_of
from nnc_conformance.suites.checking.check import check_decoder
from nnc_conformance.suites.checking.probes import composed_probes
from nnc_conformance.suites.decoders.host import DecoderHost
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox.limits import Limits

DECODER = example_runs.EXAMPLES / "peer" / "decoder.toml"


def test_the_peer_has_what_it_declares(tmp_path: Path) -> None:
    """And reads on where some payloads have been cut."""
    check = check_decoder(str(DECODER), limits=Limits(), suite=composed_probes(tmp_path))
    faults = {finding.fault: finding for finding in check.findings}
    assert set(faults) <= {Fault.ACCEPTED_BAD, Fault.NOT_UNSUPPORTED, Fault.NO_CATEGORY, Fault.UNDECLARED}
    assert check.errors == 1
    assert faults[Fault.ACCEPTED_BAD].vectors == ("probe-block-cut", "probe-dq-float-cut")
    shown = {name: check.capabilities[name] for name in capabilities_of(2022)}
    assert all(one.passed == one.probes > 0 for one in shown.values() if one.declared)


@pytest.mark.parametrize(("names", "count"), [("s3-*", 99), ("[0-9bi]*", 84)], ids=["its own", "agreed"])
def test_the_peer_decodes_the_samples(tmp_path: Path, names: str, count: int) -> None:
    """But for the three whose missing key its front end must be supplied with."""
    example_runs.agrees_with_other_codecs(DECODER, tmp_path, count, names)


def test_the_peer_has_what_it_declares_of_the_second_edition() -> None:
    """Though it refuses some good streams and reads on where others have been cut."""
    check = check_decoder(str(DECODER), limits=Limits())
    assert Fault.FALSE_CLAIM not in {finding.fault for finding in check.findings}
    for capability in ("second-edition", "row-skip", "updates", "tca", "hdsp", "pre"):
        shown = check.capabilities[capability]
        assert shown.declared
        assert shown.passed > 0, capability


def test_the_peer_decodes_sessions(tmp_path: Path) -> None:
    """All but those with an NNR_LPS or decomposed weights, of which its front end makes nothing."""
    decoder, decoded = load_decoder(str(DECODER)), 0
    with DecoderHost(Limits(), tmp_path) as host:
        for name, sequence in SEQUENCES.items():
            if {"block-dc", "lps"} & set(met_in_session(sequence.streams, base=BaseModel()).flags):
                continue
            tensors = [execution.tensors or {} for execution in host.decode_session(decoder, sequence.streams)]
            assert list(map(bits_of, tensors)) == list(map(bits_of, sequence.tensors)), name
            decoded += 1
    assert decoded > 100
