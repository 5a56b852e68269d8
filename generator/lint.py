"""Holds a suite folder to its promises: form, hashes, revisions, and what the reference says of every stream today."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nnc_conformance.generator.facts import Facts, met_in
from nnc_conformance.generator.making import RecipeError, decoded_or_none, lenient_output, outputs_by_choice, provenance_of
from nnc_conformance.reference.decoder import Decoded
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.storage.documents import Frozen, canonical_json
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import StoredVector, Suite, files_of, load_suite, stored_file
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Level, Manifest, StoredFile, Vector

CERTIFIED: Final = (Level.CORE, Level.FULL, Level.NEGATIVE, Level.STRESS)
"""The levels that rest on verified and published facts alone."""
CORE_BYTES: Final = 8 << 20
CORE_VECTORS: Final = 400


@dataclass(frozen=True)
class Finding:
    """Something that is not as promised: the vector's id, or the file's name, and what was found."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Case:
    """A vector with its stream, and what the reference makes of it."""

    stored: StoredVector
    stream: bytes
    decoded: Decoded | None
    facts: Facts

    @property
    def vector(self) -> Vector:
        """The vector."""
        return self.stored.vector


def lint(root: Path, against: Manifest | None = None) -> list[Finding]:
    """Returns all findings on a suite folder; ``against`` is the manifest of an earlier state of it.

    Raises `SuiteError` for a folder that is not whole: a wrong hash, a missing file, an id twice or retired.
    """
    suite = load_suite(root)
    findings = [Finding(where, message) for where, message in folder_findings(suite)]
    if against is not None:
        findings += [Finding(where, message) for where, message in revision_findings(suite.manifest, against)]
    for stored in suite.vectors:
        stream = stored.read(stored.vector.stream)
        facts = met_in(stream, lenient=stored.vector.negative is not None)
        case = Case(stored, stream, decoded_or_none(stream, Interpretation()), facts)
        findings += [Finding(stored.vector.id, message) for check in CHECKS for message in check(case)]
    return findings


def folder_findings(suite: Suite) -> Iterator[tuple[str, str]]:
    """Canonical JSON, no stray files, and core within its bounds."""
    yield from ((MANIFEST_FILE, text) for text in canonical(suite.root / MANIFEST_FILE, suite.manifest))
    wanted = {Path(MANIFEST_FILE), Path("__init__.py")}
    for stored in suite.vectors:
        vector, folder = stored.vector, Path(stored.vector.level) / stored.vector.id
        yield from ((vector.id, text) for text in canonical(stored.folder / VECTOR_FILE, vector))
        wanted |= {folder / VECTOR_FILE} | {folder / file.name for file in files_of(vector)}
    found = {path.relative_to(suite.root) for path in suite.root.rglob("*") if not path.is_dir() and "__pycache__" not in path.parts}
    yield from ((str(path), "belongs to no vector") for path in sorted(found - wanted))
    core = [stored.vector for stored in suite.vectors if stored.vector.level is Level.CORE]
    size = sum(file.size for vector in core for file in files_of(vector))
    if len(core) > CORE_VECTORS or size > CORE_BYTES:
        yield MANIFEST_FILE, f"core has {len(core)} vectors and {size} bytes, at most {CORE_VECTORS} and {CORE_BYTES} are allowed"


def canonical(path: Path, model: Frozen) -> Iterator[str]:
    """A file that holds exactly the canonical JSON of a model."""
    if path.read_bytes() != canonical_json(model.model_dump(mode="json")).encode():
        yield f"{path.name} is not canonical JSON"


def revision_findings(now: Manifest, before: Manifest) -> Iterator[tuple[str, str]]:
    """Any change has a higher revision, an id that is gone is retired, and what was retired stays so."""
    entries = {entry.id: entry for entry in now.vectors}
    for old in before.vectors:
        new = entries.get(old.id)
        if new is None:
            if old.id not in now.retired:
                yield old.id, "is gone but not retired"
        elif new.sha256 != old.sha256 and new.revision <= old.revision:
            yield old.id, f"changed, but its revision went from {old.revision} to {new.revision}"
    yield from ((name, "was retired and is no more") for name in sorted(set(before.retired) - set(now.retired)))


def outputs_hold(case: Case) -> Iterator[str]:
    """Expected tensors, topology and choices are what the reference gives."""
    vector = case.vector
    if vector.negative is not None:
        return
    parameters = case.decoded.parameters if case.decoded is not None else None
    if not same_file(vector.expected, None if parameters is None else dump_safetensors(parameters)):
        yield "the expected tensors are not those that the reference decodes"
    topology = case.decoded.topology.data if case.decoded is not None and case.decoded.topology is not None else None
    if not same_file(vector.topology, topology):
        yield "the topology is not the one that the reference finds"
    for choice in vector.choices:
        tensors = outputs_by_choice(case.stream, choice.switch)[choice.choice]
        if not same_file(choice.expected, None if tensors is None else dump_safetensors(tensors)):
            yield f"{choice.switch} = {choice.choice} does not give its expected tensors"


def same_file(file: StoredFile | None, data: bytes | None) -> bool:
    """Whether a described file is there exactly when there is data, with these bytes."""
    return file == (None if data is None else stored_file(file.name if file else "none", data))


def refusals_hold(case: Case) -> Iterator[str]:
    """A negative vector breaks its rule and no other; what a lenient decoder gives is as stated."""
    vector = case.vector
    if vector.negative is None:
        return
    rule = RULES.get(vector.negative.rule)
    if rule is None or (rule.policy, rule.category) != (vector.negative.policy, vector.negative.category):
        yield f"the registry has no rule {vector.negative.rule} of this policy and category"
        return
    try:
        decoded = lenient_output(vector.id, case.stream, rule.id)
    except RecipeError as error:
        yield str(error)
        return
    if not same_file(vector.expected, None if decoded is None else dump_safetensors(decoded.parameters)):
        yield "the lenient output is not the one stated"


def facts_hold(case: Case) -> Iterator[str]:
    """Flags, elements and provenance are what the reference meets."""
    vector = case.vector
    stated = {"flags": vector.flags, "elements": vector.elements, "provenance": vector.provenance}
    provenance = provenance_of(case.facts, vector.negative)
    met = {"flags": case.facts.flags, "elements": case.facts.names, "provenance": provenance}
    for name, value in stated.items():
        if value != met[name]:
            yield f"{name} say {value}, the reference meets {met[name]}"


def level_holds(case: Case) -> Iterator[str]:
    """A level's vectors are of the kind that the level is for."""
    vector = case.vector
    inferred = vector.provenance is Provenance.INFERRED
    if vector.level in CERTIFIED and inferred:
        yield f"{vector.level} holds nothing inferred: {', '.join(case.facts.inferred) or 'an element of provenance I'}"
    if (vector.level is Level.NEGATIVE) and vector.negative is None:
        yield "it names no rule"
    if vector.negative is not None and vector.level not in (Level.NEGATIVE, Level.INFERRED):
        yield f"it is negative, which {vector.level} is not"
    if vector.level is Level.INFERRED and not inferred:
        yield "nothing in it is inferred"
    if vector.level is Level.DISPUTED and len({choice.expected and choice.expected.sha256 for choice in vector.choices}) < 2:
        yield "its choices do not differ"


def undisputed(case: Case) -> Iterator[str]:
    """What is expected of a vector that counts is the same under every choice of every disputed point."""
    vector = case.vector
    if vector.level not in CERTIFIED:
        return
    for switch, choices in Interpretation.switches().items():
        for choice in choices:
            interpretation = Interpretation.parse({switch: choice.value})
            other = decoded_or_none(case.stream, interpretation)
            if vector.negative is not None and other is not None:
                yield f"{switch} = {choice.value} accepts the stream: this belongs to level disputed"
            if vector.negative is None and not same_output(case.decoded, other):
                yield f"{switch} = {choice.value} changes the output: this belongs to level disputed"


def same_output(a: Decoded | None, b: Decoded | None) -> bool:
    """Whether two decodes give the same parameters and the same topology, bit for bit; neither may be a refusal."""
    return a is not None and b is not None and a.topology == b.topology and dump_safetensors(a.parameters) == dump_safetensors(b.parameters)


CHECKS: Final[tuple[Callable[[Case], Iterator[str]], ...]] = (outputs_hold, refusals_hold, facts_hold, level_holds, undisputed)
