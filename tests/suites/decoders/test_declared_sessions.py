"""What a decoder.toml declares of sessions must fit its kind, its command and its protocol."""

import json
from pathlib import Path

import pytest
from hostile import support

from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.decoders.decoder_spec import NEEDED, DecoderError
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.decoders.protocol import WorkerProtocol
from nnc_conformance.suites.results.fault_table import Fault

SESSIONS = json.dumps(["second-edition", "updates"])
SINGLE_COMMAND = "python3 {stream} {output}"
COMMAND = "python3 --output {output} {streams}"

WRONG: dict[str, tuple[str, str, dict[str, str], Fault, str]] = {
    "updates without {streams}": (
        "command",
        SINGLE_COMMAND,
        {"capabilities": SESSIONS},
        Fault.NO_STREAMS_PLACEHOLDER,
        "updates is declared: put {streams} in place of {stream}, or remove updates",
    ),
    "updates in nnc-worker/1": (
        "worker",
        "python3",
        {"capabilities": SESSIONS},
        Fault.NO_SESSIONS,
        "updates is declared, but nnc-worker/1 has no sessions: "
        'implement nnc-worker/2 and name it with the key "protocol", or remove updates',
    ),
    "tca without updates": (
        "worker",
        "python3",
        {"capabilities": json.dumps(["second-edition", "tca"])},
        Fault.CAPABILITY_NEEDS,
        "capabilities: tca needs updates; add updates or remove tca",
    ),
    "row-skip without second-edition": (
        "worker",
        "python3",
        {"capabilities": json.dumps(["row-skip"])},
        Fault.CAPABILITY_NEEDS,
        "capabilities: row-skip needs second-edition; add second-edition or remove row-skip",
    ),
    "a command with a protocol": (
        "command",
        COMMAND,
        {"protocol": '"nnc-worker/2"'},
        Fault.TOML_KEY,
        "protocol: only a worker speaks one, and this decoder is of kind command; remove the key",
    ),
    "an unknown protocol": (
        "worker",
        "python3",
        {"protocol": '"nnc-worker/3"'},
        Fault.TOML_KEY,
        "protocol: unknown value 'nnc-worker/3'; choose from nnc-worker/1, nnc-worker/2",
    ),
    "both {stream} and {streams}": (
        "command",
        "python3 {stream} {streams} {output}",
        {},
        Fault.COMMAND_PLACEHOLDERS,
        "has both {stream} and {streams}; keep {streams}, which is all streams of a session in order",
    ),
    "{streams} within a word": (
        "command",
        "python3 --in={streams} {output}",
        {},
        Fault.COMMAND_PLACEHOLDERS,
        "has {streams} within a word; make it a word of its own, which becomes one argument for each stream",
    ),
    "{streams} twice": ("command", "python3 {streams} {streams} {output}", {}, Fault.COMMAND_PLACEHOLDERS, "has {streams} more than once"),
    "{streams} without {output}": ("command", "python3 {streams}", {}, Fault.COMMAND_PLACEHOLDERS, "lacks {output}"),
    "neither {stream} nor {streams}": ("command", "python3 {output}", {}, Fault.COMMAND_PLACEHOLDERS, "lacks {stream}"),
}


@pytest.mark.parametrize(("kind", "command", "more", "fault", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_an_error_that_says_what_to_do(
    tmp_path: Path, kind: str, command: str, more: dict[str, str], fault: Fault, message: str
) -> None:
    with pytest.raises(DecoderError) as caught:
        load_decoder(support.decoder_toml(tmp_path, "d", kind, command, **more))
    assert [found for found, _ in caught.value.problems] == [fault]
    assert str(caught.value).endswith(message)


def test_what_fits_is_taken(tmp_path: Path) -> None:
    capabilities = json.dumps(["apply-updates", "second-edition", "updates"])
    worker = load_decoder(support.decoder_toml(tmp_path, "w", "worker", "python3", capabilities=capabilities, protocol='"nnc-worker/2"'))
    assert (worker.takes_sessions, worker.gives_model, worker.protocol) == (True, True, WorkerProtocol.SESSIONS)
    command = load_decoder(support.decoder_toml(tmp_path, "c", "command", COMMAND, capabilities=SESSIONS))
    assert (command.takes_sessions, command.gives_model) == (True, False)
    function = load_decoder(support.decoder_toml(tmp_path, "p", "python", "m:f", capabilities=SESSIONS))
    assert (function.takes_sessions, function.gives_model) == (True, False)


def test_without_these_keys_nothing_of_sessions_is_taken(tmp_path: Path) -> None:
    for kind, command in (("worker", "python3"), ("command", SINGLE_COMMAND), ("python", "m:f")):
        decoder = load_decoder(support.decoder_toml(tmp_path, kind, kind, command))
        assert (decoder.takes_sessions, decoder.protocol) == (False, WorkerProtocol.SINGLE)
        assert decoder.editions == (2022,)


def test_needs_are_between_capabilities() -> None:
    assert {*NEEDED, *NEEDED.values()} == {name for name, capability in CAPABILITIES.items() if capability.edition == 2024}
