"""The closed table of faults of decoders under test: code, severity, meaning, remedy."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.vector import CAPABILITIES


class Severity(StrEnum):
    """An error makes a decoder unfit to be judged, or is a failure.

    A warning costs it nothing yet.
    """

    ERROR = "error"
    WARNING = "warning"


class Fault(StrEnum):
    """Codes of the faults, in the order of `FAULTS`."""

    TOML_SYNTAX = "toml-syntax"
    TOML_KEY = "toml-key"
    UNKNOWN_CAPABILITY = "unknown-capability"
    ERROR_MAP = "error-map"
    COMMAND_WORDS = "command-words"
    COMMAND_NOT_FOUND = "command-not-found"
    COMMAND_PLACEHOLDERS = "command-placeholders"
    FUNCTION_NAME = "function-name"
    NO_TOPOLOGY_PLACEHOLDER = "no-topology-placeholder"
    CAPABILITY_NEEDS = "capability-needs"
    NO_STREAMS_PLACEHOLDER = "no-streams-placeholder"
    NO_SESSIONS = "no-sessions"
    NO_MODEL_PLACEHOLDER = "no-model-placeholder"
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
    UNJUDGED_CLAIM = "unjudged-claim"
    FALSE_UNSUPPORTED = "false-unsupported"
    UNDECLARED = "undeclared"
    NOT_UNSUPPORTED = "not-unsupported"
    NOTHING_DECLARED = "nothing-declared"
    NO_CATEGORY = "no-category"
    NOTHING_DECODED = "nothing-decoded"


@dataclass(frozen=True)
class FaultMeaning:
    """Meaning of a fault: what is wrong, how to fix it, how severe it is."""

    what: str
    hint: str
    severity: Severity = Severity.ERROR


_CAPABILITY_NAMES: Final = ", ".join(CAPABILITIES)
_CATEGORIES: Final = ", ".join(Category)

FAULTS: Final[dict[Fault, FaultMeaning]] = {
    Fault.TOML_SYNTAX: FaultMeaning(
        "the file is not valid TOML", "Quote strings and bracket lists: capabilities = ['int', 'float']. The file is UTF-8."
    ),
    Fault.TOML_KEY: FaultMeaning(
        "a key is missing, unknown or has the wrong type",
        "Required keys: name, kind (command, worker or python) and command. "
        "Optional: version, capabilities, the table errors, and for a worker protocol.",
    ),
    Fault.UNKNOWN_CAPABILITY: FaultMeaning("a capability is not in the closed list", f"Choose from: {_CAPABILITY_NAMES}."),
    Fault.ERROR_MAP: FaultMeaning(
        "the table errors cannot be used",
        f"Each key is a Python regular expression, searched for in the refusal's message; each value is one of: {_CATEGORIES}.",
    ),
    Fault.COMMAND_WORDS: FaultMeaning(
        "the command cannot be split into words", "Words are split as in a shell, so close every quote. No shell runs the command."
    ),
    Fault.COMMAND_NOT_FOUND: FaultMeaning(
        "the command's first word is not a program",
        "Name an executable on PATH, or give its absolute path; in decoder.toml, {here} is the folder of the file.",
    ),
    Fault.COMMAND_PLACEHOLDERS: FaultMeaning(
        "the command does not say where stream and output go",
        "Put {stream} and {output} into the command; {topology} is optional. "
        "For sessions the word {streams} replaces {stream}, and {model} is optional.",
    ),
    Fault.FUNCTION_NAME: FaultMeaning(
        "the command of kind python does not name a function",
        "Write MODULE:FUNCTION; the module is looked up in the folder of decoder.toml first.",
    ),
    Fault.NO_TOPOLOGY_PLACEHOLDER: FaultMeaning(
        "topology is declared, but the command has no {topology}",
        "Add {topology} to the command, or remove topology from the capabilities. Without it the topology is not judged.",
        Severity.WARNING,
    ),
    Fault.CAPABILITY_NEEDS: FaultMeaning(
        "a capability is declared without another that it needs",
        "row-skip, updates and dimension-shift need second-edition; tca, hdsp, pre and apply-updates need updates.",
    ),
    Fault.NO_STREAMS_PLACEHOLDER: FaultMeaning(
        "updates is declared, but the command has no {streams}",
        "Put the word {streams} in place of {stream}: it becomes one argument for each stream of the session, oldest first. "
        "Or remove updates from the capabilities.",
    ),
    Fault.NO_SESSIONS: FaultMeaning(
        "updates is declared, but the worker's protocol has no sessions",
        'Implement nnc-worker/2, and set protocol = "nnc-worker/2" in decoder.toml. Or remove updates from the capabilities.',
    ),
    Fault.NO_MODEL_PLACEHOLDER: FaultMeaning(
        "apply-updates is declared, but the command has no {model}",
        "Add {model} to the command, or remove apply-updates from the capabilities. Without it the model after a step is not judged.",
        Severity.WARNING,
    ),
    Fault.NOT_STARTED: FaultMeaning(
        "the system cannot start it",
        "Check that the file is executable, that its interpreter exists, and that it is built for this machine.",
    ),
    Fault.EXIT_CODE: FaultMeaning(
        "it ended with an exit code that has no meaning",
        "A command ends with 0 (decoded), 65 (refused) or 69 (unsupported); a worker runs until it gets stop. "
        "Catch every error that a stream can cause. Its standard error is shown above.",
    ),
    Fault.KILLED: FaultMeaning(
        "a signal ended it", "SIGSEGV and SIGABRT are bugs of the decoder: run the command shown under a debugger or a sanitizer."
    ),
    Fault.TIMEOUT: FaultMeaning(
        "it exceeded the time limit",
        "A worker must end its answer with a newline and flush standard output, and must not wait for the end of its input. "
        "If it is just slow, raise --time-limit.",
    ),
    Fault.LIMIT: FaultMeaning(
        "it exceeded a limit", "Compare dimensions with the bytes present before allocating memory; --memory-limit raises the limit."
    ),
    Fault.HARNESS_ENDED: FaultMeaning(
        "it ended the process of the harness that ran it", "Send signals only to processes that the decoder started itself."
    ),
    Fault.STDOUT_CLOSED: FaultMeaning("it closed its standard output and is still running", "Keep standard output open: answers go there."),
    Fault.ANSWER_JSON: FaultMeaning(
        "a line on standard output is not JSON", "Write each answer as one JSON object on one line, everything else to standard error."
    ),
    Fault.ANSWER_FORM: FaultMeaning(
        "an answer does not follow the protocol", "docs/decoder-protocol.schema.json defines the keys and types of an answer."
    ),
    Fault.ANSWER_ORDER: FaultMeaning(
        "an answer does not fit its request",
        "Answer start with started, decode with decoded, refused or unsupported, and stop with nothing.",
    ),
    Fault.ANSWER_ID: FaultMeaning("an answer has another id than its request", "Repeat the id of the request, a string, unchanged."),
    Fault.ANSWER_TWICE: FaultMeaning("one request got more than one line", "Answer each request once, with one line."),
    Fault.OUTPUT_MISSING: FaultMeaning(
        "it reports success, but there is no output", "Write the output to exactly the path given, and close it before answering or ending."
    ),
    Fault.OUTPUT_TWICE: FaultMeaning(
        "there are several outputs in the folder", "Write one file: .safetensors, or .npz content at its path."
    ),
    Fault.OUTPUT_UNREADABLE: FaultMeaning(
        "the output is not a tensor file",
        "Write safetensors (8 bytes of header length, little endian, a JSON header, the data) or an .npz without pickled objects, "
        "as a regular file.",
    ),
    Fault.FOLDER_REPLACED: FaultMeaning("the case's folder was replaced by another", "Leave the folder in place."),
    Fault.STOP_IGNORED: FaultMeaning(
        "it is still running after stop", "End with exit code 0 on the request stop and at the end of standard input.", Severity.WARNING
    ),
    Fault.STOP_EXIT_CODE: FaultMeaning("after stop it ends with an exit code other than 0", "End with exit code 0.", Severity.WARNING),
    Fault.WRONG_OUTPUT: FaultMeaning(
        "the tensors differ from what the stream decodes to",
        "Names, types, shapes and every bit count. Compare with a trace: nnc-conformance trace STREAM --bins.",
    ),
    Fault.REFUSED_GOOD: FaultMeaning(
        "it refuses a good stream", "Look at the rule that it believes is broken; nnc-conformance inspect STREAM shows the structure."
    ),
    Fault.ACCEPTED_BAD: FaultMeaning(
        "it gives tensors from a stream that must be refused",
        "Answer refused (exit code 65) if a stream contradicts itself or ends early.",
    ),
    Fault.NONDETERMINISTIC: FaultMeaning(
        "two runs on the same stream differ", "Look for memory that is read before it is written, and for races between threads."
    ),
    Fault.FALSE_CLAIM: FaultMeaning(
        "a capability is declared, but no stream that needs it decodes correctly", "Remove it from the capabilities until it works."
    ),
    Fault.UNJUDGED_CLAIM: FaultMeaning(
        "a capability is declared, no stream that needs it decodes as expected, and all of them rest on inferred or disputed facts",
        "Nothing counts this against the decoder. Compare with what the suite expects: "
        "nnc-conformance run --level inferred --level disputed.",
        Severity.WARNING,
    ),
    Fault.FALSE_UNSUPPORTED: FaultMeaning(
        "it answers unsupported, although it declares everything that the stream needs",
        "Remove the missing part from the capabilities; the decoder is then not asked for vectors that need it.",
    ),
    Fault.UNDECLARED: FaultMeaning(
        "it decodes what it does not declare", "Add the capability, so that its vectors count for the decoder.", Severity.WARNING
    ),
    Fault.NOT_UNSUPPORTED: FaultMeaning(
        "it does not answer unsupported to a stream that it does not support",
        "Answer unsupported (exit code 69) on an element that is not implemented.",
        Severity.WARNING,
    ),
    Fault.NOTHING_DECLARED: FaultMeaning(
        "it does not support everything, and declares nothing",
        "List its capabilities in a decoder.toml; it is then not asked for others, and reports say what it was judged on.",
        Severity.WARNING,
    ),
    Fault.NO_CATEGORY: FaultMeaning(
        "a refusal has no category",
        'Put it into the answer, or into the last line of standard error, as in {"category": "truncated", "unit": 1, "byte": 20}, '
        "or map your messages to categories in the table errors of decoder.toml.",
        Severity.WARNING,
    ),
    Fault.NOTHING_DECODED: FaultMeaning("no probe was decoded", "A run in which no case can be judged is incomplete."),
}
"""Every fault with its meaning."""
