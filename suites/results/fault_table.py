"""The closed table of what can be wrong with a decoder under test: a code for each fault, its weight, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.vector import CAPABILITIES


class Severity(StrEnum):
    """An error makes a decoder unfit to be judged, or is a failure already; a warning is a fault that costs it nothing yet."""

    ERROR = "error"
    WARNING = "warning"


class Fault(StrEnum):
    """The codes, in the order of `FAULTS`."""

    TOML_SYNTAX = "toml-syntax"
    TOML_KEY = "toml-key"
    UNKNOWN_CAPABILITY = "unknown-capability"
    ERROR_MAP = "error-map"
    COMMAND_WORDS = "command-words"
    COMMAND_NOT_FOUND = "command-not-found"
    COMMAND_PLACEHOLDERS = "command-placeholders"
    FUNCTION_NAME = "function-name"
    NO_TOPOLOGY_PLACEHOLDER = "no-topology-placeholder"
    NOT_STARTED = "not-started"
    EXIT_CODE = "exit-code"
    KILLED = "killed"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    HARNESS_ENDED = "harness-ended"
    STDOUT_CLOSED = "stdout-closed"
    ANSWER_JSON = "answer-json"
    ANSWER_FORM = "answer-form"
    ANSWER_ORDER = "answer-order"
    ANSWER_ID = "answer-id"
    ANSWER_TWICE = "answer-twice"
    OUTPUT_MISSING = "output-missing"
    OUTPUT_TWICE = "output-twice"
    OUTPUT_UNREADABLE = "output-unreadable"
    FOLDER_REPLACED = "folder-replaced"
    STOP_IGNORED = "stop-ignored"
    STOP_EXIT_CODE = "stop-exit-code"
    WRONG_OUTPUT = "wrong-output"
    REFUSED_GOOD = "refused-good"
    ACCEPTED_BAD = "accepted-bad"
    NONDETERMINISTIC = "nondeterministic"
    FALSE_CLAIM = "false-claim"
    FALSE_UNSUPPORTED = "false-unsupported"
    UNDECLARED = "undeclared"
    NOT_UNSUPPORTED = "not-unsupported"
    NOTHING_DECLARED = "nothing-declared"
    NO_CATEGORY = "no-category"
    NOTHING_DECODED = "nothing-decoded"


@dataclass(frozen=True)
class FaultMeaning:
    """One row: what is wrong, in general, and how to put it right."""

    what: str
    hint: str
    weight: Severity = Severity.ERROR


_CAPABILITY_NAMES: Final = ", ".join(CAPABILITIES)
_CATEGORIES: Final = ", ".join(Category)

FAULTS: Final[dict[Fault, FaultMeaning]] = {
    Fault.TOML_SYNTAX: FaultMeaning(
        "the file is no TOML",
        "Strings stand in quotes, lists in brackets: capabilities = ['int', 'float']. The file is UTF-8.",
    ),
    Fault.TOML_KEY: FaultMeaning(
        "a key is missing, unknown or of the wrong type",
        "The keys are name, kind (command, worker or python) and command; version, capabilities and the table errors may be left out.",
    ),
    Fault.UNKNOWN_CAPABILITY: FaultMeaning("a capability is not in the closed list", f"The list is: {_CAPABILITY_NAMES}."),
    Fault.ERROR_MAP: FaultMeaning(
        "the map of messages cannot be used",
        f"In the table errors a key is a Python regular expression, looked for in the refusal's message, its value one of: {_CATEGORIES}.",
    ),
    Fault.COMMAND_WORDS: FaultMeaning(
        "the command cannot be split into words", "Words are split as in a shell: close every quote. No shell runs the command."
    ),
    Fault.COMMAND_NOT_FOUND: FaultMeaning(
        "the command's first word is no program",
        "Give an executable on PATH or by its absolute path; in decoder.toml, {here} stands for the folder of the file.",
    ),
    Fault.COMMAND_PLACEHOLDERS: FaultMeaning(
        "the command does not say where stream and output go",
        "Both {stream} and {output} must stand in the command; {topology} may.",
    ),
    Fault.FUNCTION_NAME: FaultMeaning(
        "the command of kind python names no function", "It is MODULE:FUNCTION; the module is looked for beside decoder.toml first."
    ),
    Fault.NO_TOPOLOGY_PLACEHOLDER: FaultMeaning(
        "topology is declared, but the command is never told where a topology goes",
        "Add {topology} to the command, or leave topology out of the capabilities. Without it the topology is not judged.",
        Severity.WARNING,
    ),
    Fault.NOT_STARTED: FaultMeaning(
        "the system cannot start it", "Check that the file is executable, its interpreter exists and the format fits the machine."
    ),
    Fault.EXIT_CODE: FaultMeaning(
        "it ended with an exit code that says nothing",
        "A command ends with 0 (decoded), 65 (refused) or 69 (unsupported); a worker lives until it is told to stop. "
        "Catch every error that a stream can cause. Its standard error is shown above.",
    ),
    Fault.KILLED: FaultMeaning(
        "a signal ended it", "SIGSEGV and SIGABRT are bugs of the decoder: run the command that is shown under a debugger or a sanitizer."
    ),
    Fault.TIMEOUT: FaultMeaning(
        "it took longer than a case may",
        "A worker must write a newline after its answer and flush its standard output; it must not wait for the end of its input. "
        "If it is just slow, give --time-limit.",
    ),
    Fault.LIMIT: FaultMeaning(
        "it passed a limit", "Check dimensions against the bytes that are there before taking memory; --memory-limit raises the bound."
    ),
    Fault.HARNESS_ENDED: FaultMeaning(
        "it ended the process of the harness that ran it", "Send signals to processes that the decoder started itself, and to no others."
    ),
    Fault.STDOUT_CLOSED: FaultMeaning("it closed its standard output and lives on", "Answers go to standard output, which stays open."),
    Fault.ANSWER_JSON: FaultMeaning(
        "a line on standard output is no JSON", "Each answer is one JSON object on one line. Everything else goes to standard error."
    ),
    Fault.ANSWER_FORM: FaultMeaning(
        "an answer does not have the protocol's form", "docs/decoder-protocol.schema.json says which keys and types an answer has."
    ),
    Fault.ANSWER_ORDER: FaultMeaning(
        "an answer does not fit its request", "start is answered by started, decode by decoded, refused or unsupported; stop by nothing."
    ),
    Fault.ANSWER_ID: FaultMeaning("an answer carries another id", "Repeat the id of the request, a string, unchanged."),
    Fault.ANSWER_TWICE: FaultMeaning("more than one line came for one request", "Answer each request once, with one line."),
    Fault.OUTPUT_MISSING: FaultMeaning(
        "it says decoded, and there is no output", "Write the output to the very path given, and close it before you answer or end."
    ),
    Fault.OUTPUT_TWICE: FaultMeaning("several outputs lie in the folder", "Write one file: .safetensors, or .npz content in its place."),
    Fault.OUTPUT_UNREADABLE: FaultMeaning(
        "the output is no tensor file",
        "It is safetensors: 8 bytes of header length, little endian, a JSON header, then the data; or an .npz without pickled objects. "
        "It must be a regular file.",
    ),
    Fault.FOLDER_REPLACED: FaultMeaning("the case's folder is not the one that was given", "Leave the folder where it is."),
    Fault.STOP_IGNORED: FaultMeaning(
        "it lives on after stop", "End with exit code 0 on the request stop, and at the end of standard input.", Severity.WARNING
    ),
    Fault.STOP_EXIT_CODE: FaultMeaning("after stop it ends with another exit code than 0", "End with exit code 0.", Severity.WARNING),
    Fault.WRONG_OUTPUT: FaultMeaning(
        "the tensors are not those that the stream decodes to",
        "Names, types, shapes and every bit count. Compare a trace: nnc-conformance trace STREAM --bins.",
    ),
    Fault.REFUSED_GOOD: FaultMeaning(
        "it refuses a good stream", "See the rule that it believes broken; nnc-conformance inspect STREAM shows the structure."
    ),
    Fault.ACCEPTED_BAD: FaultMeaning(
        "it gives tensors from a stream that must be refused",
        "Answer refused (exit code 65) where the stream contradicts itself or ends early.",
    ),
    Fault.NONDETERMINISTIC: FaultMeaning(
        "two runs on one stream differ", "Look for memory that is read before it is written, and for the order of threads."
    ),
    Fault.FALSE_CLAIM: FaultMeaning(
        "a capability is declared, and no stream that needs it is decoded rightly", "Take it out of the capabilities until it works."
    ),
    Fault.FALSE_UNSUPPORTED: FaultMeaning(
        "it says unsupported, though all that the stream needs is declared",
        "Take the part that is missing out of the capabilities; then the vectors that need it are not asked for.",
    ),
    Fault.UNDECLARED: FaultMeaning(
        "it decodes what it does not declare", "Add the capability: its vectors then count for the decoder.", Severity.WARNING
    ),
    Fault.NOT_UNSUPPORTED: FaultMeaning(
        "it does not say unsupported where it does not support a stream",
        "Answer unsupported (exit code 69) on meeting an element that is not implemented.",
        Severity.WARNING,
    ),
    Fault.NOTHING_DECLARED: FaultMeaning(
        "it does not support everything, and declares nothing",
        "List its capabilities in a decoder.toml: then it is asked for no others, and the report says what it was judged on.",
        Severity.WARNING,
    ),
    Fault.NO_CATEGORY: FaultMeaning(
        "a refusal has no category",
        'Say it in the answer, as the last line of standard error, {"category": "truncated", "unit": 1, "byte": 20}, '
        "or map your messages in the table errors of decoder.toml.",
        Severity.WARNING,
    ),
    Fault.NOTHING_DECODED: FaultMeaning("no probe was decoded", "A run in which nothing can be judged is incomplete."),
}
"""Every fault with its meaning."""
