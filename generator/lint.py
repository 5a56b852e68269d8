"""Checks of a suite folder: form, hashes, revisions, and agreement with the reference decoder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from nnc_conformance.generator.building import RecipeError, base_of, outputs_by_choice, provenance_of, require_broken
from nnc_conformance.generator.facts import SessionFacts, decoded_steps, met_in_session
from nnc_conformance.generator.worker_pool import map_in_processes
from nnc_conformance.reference.decoder import Decoded
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.reference.topology.content import Topology, without_terminator
from nnc_conformance.storage.documents import Frozen, canonical_json
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import StoredVector, Suite, files_of, load_suite, stored_file
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, AnyVector, Edition, Level, Manifest, Step, StoredFile

CERTIFIED: Final = (Level.CORE, Level.FULL, Level.NEGATIVE, Level.STRESS)
"""The levels that rest on verified and published facts alone."""
CORE_BYTES: Final = 8 << 20
"""Size limit of core's vectors of the first edition, in bytes."""
CORE_LIMITS: Final[dict[Edition, tuple[int, int]]] = {2022: (400, CORE_BYTES), 2024: (400, 2 << 20)}
"""Vectors and bytes that core may have, for each edition."""
_CHUNK: Final = 8
"""Vectors that a process checks at a time."""


@dataclass(frozen=True)
class LintFinding:
    """A violation: the vector's id or the file's name, and a message."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class CheckedVector:
    """A vector with its streams, and the reference decoder's results on them.

    ``decoded`` holds what each stream gives; the last is None if it is refused.
    """

    stored: StoredVector
    streams: list[bytes]
    decoded: list[Decoded | None]
    facts: SessionFacts

    @property
    def vector(self) -> AnyVector:
        """The vector's description."""
        return self.stored.vector

    def under(self, interpretation: Interpretation) -> list[Decoded | None]:
        """Decode the streams under some choices; a refused stream gives None and is the last."""
        steps, error = decoded_steps(self.streams, interpretation, base=base_of(self.vector.edition))
        return [*steps, None] if error is not None else [*steps]


def check(stored: StoredVector) -> CheckedVector:
    """Decode a vector once for all checks of lint."""
    streams, vector = stored.streams(), stored.vector
    facts = met_in_session(streams, lenient=vector.negative is not None, base=base_of(vector.edition))
    checked = CheckedVector(stored, streams, [], facts)
    return replace(checked, decoded=checked.under(Interpretation()))


def lint(root: Path, against: Manifest | None = None, *, jobs: int = 1) -> list[LintFinding]:
    """Check a suite folder; return all findings.

    Raises `SuiteError` for a damaged folder: a wrong hash, a missing file, an id that occurs twice
    or is retired.

    Args:
        root: The suite folder.
        against: The manifest of an earlier state of the folder, to check revisions against.
        jobs: Processes that check vectors; the findings and their order do not depend on it.
    """
    suite = load_suite(root)
    findings = [LintFinding(where, message) for where, message in folder_findings(suite)]
    if against is not None:
        findings += [LintFinding(where, message) for where, message in revision_findings(suite.manifest, against)]
    vectors = suite.vectors
    each = (
        map(vector_findings, vectors)
        if jobs == 1 or len(vectors) <= _CHUNK
        else map_in_processes(vector_findings, vectors, jobs, chunk=_CHUNK)
    )
    return [*findings, *chain.from_iterable(each)]


def vector_findings(stored: StoredVector) -> list[LintFinding]:
    """Decode a vector and return the findings of all checks on it."""
    checked = check(stored)
    return [LintFinding(stored.vector.id, message) for holds in CHECKS for message in holds(checked)]


def folder_findings(suite: Suite) -> Iterator[tuple[str, str]]:
    """Yield (file or vector, what is wrong) of a suite folder.

    It checks for canonical JSON, stray files, and the size limits of core.
    """
    yield from ((MANIFEST_FILE, text) for text in canonical(suite.root / MANIFEST_FILE, suite.manifest))
    wanted = {Path(MANIFEST_FILE), Path("__init__.py")}
    for stored in suite.vectors:
        vector, folder = stored.vector, Path(stored.vector.level) / stored.vector.id
        yield from ((vector.id, text) for text in canonical(stored.folder / VECTOR_FILE, vector))
        wanted |= {folder / VECTOR_FILE} | {folder / file.name for file in files_of(vector)}
    found = {path.relative_to(suite.root) for path in suite.root.rglob("*") if not path.is_dir() and "__pycache__" not in path.parts}
    yield from ((str(path), "belongs to no vector") for path in sorted(found - wanted))
    for edition, (most, most_bytes) in CORE_LIMITS.items():
        core = [stored.vector for stored in suite.vectors if stored.vector.level is Level.CORE and stored.vector.edition == edition]
        size = sum(file.size for vector in core for file in files_of(vector))
        if len(core) > most or size > most_bytes:
            yield MANIFEST_FILE, f"core of {edition} has {len(core)} vectors and {size} bytes, the limits are {most} and {most_bytes}"


def canonical(path: Path, model: Frozen) -> Iterator[str]:
    """Check that a file holds exactly the canonical JSON of a model."""
    if path.read_bytes() != canonical_json(model.model_dump(mode="json")).encode():
        yield f"{path.name} is not canonical JSON"


def revision_findings(now: Manifest, before: Manifest) -> Iterator[tuple[str, str]]:
    """Yield (vector, what is wrong) for changes without a new revision.

    An id that is gone must be retired.
    """
    entries = {entry.id: entry for entry in now.vectors}
    for old in before.vectors:
        new = entries.get(old.id)
        if new is None:
            if old.id not in now.retired:
                yield old.id, "is gone but not retired"
        elif new.sha256 != old.sha256 and new.revision <= old.revision:
            yield old.id, f"changed, but its revision went from {old.revision} to {new.revision}"
    yield from ((name, "was retired, but the manifest no longer says so") for name in sorted(set(before.retired) - set(now.retired)))


def outputs_hold(checked: CheckedVector) -> Iterator[str]:
    """Yield where expected tensors, topology, models or choices differ from the reference
    decoder's.
    """
    vector = checked.vector
    if len(checked.decoded) < len(vector.steps):
        yield f"step {len(checked.decoded) - 1} is refused"
        return
    for number, (step, decoded) in enumerate(zip(vector.steps, checked.decoded, strict=True)):
        if vector.negative is None or number < len(vector.steps) - 1:
            yield from _step_holds(step, decoded)
    for choice in vector.choices:
        tensors = outputs_by_choice(checked.streams, choice.switch, base_of(vector.edition))[choice.choice]
        if not same_file(choice.expected, None if tensors is None else dump_safetensors(tensors)):
            yield f"{choice.switch} = {choice.choice} gives tensors that differ from the expected ones"


def _step_holds(step: Step, decoded: Decoded | None) -> Iterator[str]:
    """Yield which files of a step differ from what the reference decoder gives."""
    coded = None if decoded is None else dump_safetensors(decoded.parameters)
    if not same_file(step.expected, coded):
        yield "the expected tensors differ from the reference decoder's"
    if not same_file(step.topology, decoded.topology.data if decoded is not None and decoded.topology is not None else None):
        yield "the topology differs from the reference decoder's"
    after = None if decoded is None or decoded.model is None else dump_safetensors(dict(decoded.model.parameters))
    if not same_file(step.model, None if after == coded else after):
        yield "the model after a step differs from the reference decoder's"


def same_file(file: StoredFile | None, data: bytes | None) -> bool:
    """Return whether a described file exists exactly when there is data, with the same bytes."""
    return file == (None if data is None else stored_file(file.name if file else "none", data))


def refusals_hold(checked: CheckedVector) -> Iterator[str]:
    """Yield an error unless a negative vector breaks exactly its rule."""
    vector = checked.vector
    if vector.negative is None:
        return
    rule = RULES.get(vector.negative.rule)
    if rule is None or (rule.policy, rule.category) != (vector.negative.policy, vector.negative.category):
        yield f"the registry has no rule {vector.negative.rule} of this policy and category"
        return
    try:
        require_broken(vector.id, checked.streams, rule.id, checked.facts, base_of(vector.edition))
    except RecipeError as error:
        yield str(error)
        return
    decoded = checked.facts.last.decoded
    if not same_file(vector.steps[-1].expected, None if decoded is None else dump_safetensors(decoded.parameters)):
        yield "the expected tensors differ from the lenient output"


def facts_hold(checked: CheckedVector) -> Iterator[str]:
    """Yield where flags, elements or provenance differ from what the reference decoder finds."""
    vector = checked.vector
    stated = {"flags": vector.flags, "elements": vector.elements, "provenance": vector.provenance}
    provenance = provenance_of(checked.facts, vector.negative)
    met = {"flags": checked.facts.flags, "elements": checked.facts.names, "provenance": provenance}
    for name, value in stated.items():
        if value != met[name]:
            yield f"{name}: stated {value}, the reference decoder finds {met[name]}"


def level_holds(checked: CheckedVector) -> Iterator[str]:
    """Yield the reasons why a vector does not belong to its level.

    Certified levels hold nothing inferred, the negative level only vectors with a rule, the
    inferred level something inferred, and the disputed level vectors whose choices differ in their
    output.
    """
    vector = checked.vector
    inferred = vector.provenance is Provenance.INFERRED
    if vector.level in CERTIFIED and inferred:
        yield f"level {vector.level} must hold nothing inferred: {', '.join(checked.facts.inferred) or 'an element of provenance I'}"
    if (vector.level is Level.NEGATIVE) and vector.negative is None:
        yield "a negative vector must name its rule"
    if vector.negative is not None and vector.level not in (Level.NEGATIVE, Level.INFERRED):
        yield f"level {vector.level} must hold no negative vector"
    if vector.level is Level.INFERRED and not inferred:
        yield "level inferred must hold something inferred"
    if vector.level is Level.DISPUTED and len({choice.expected and choice.expected.sha256 for choice in vector.choices}) < 2:
        yield "its choices give the same output"


def undisputed(checked: CheckedVector) -> Iterator[str]:
    """Yield the choices of disputed points that change the outcome of a vector that counts."""
    vector = checked.vector
    if vector.level not in CERTIFIED:
        return
    for switch, choices in Interpretation.switches(vector.edition).items():
        for choice in choices:
            others = checked.under(Interpretation.parse({switch: choice.value}))
            if len(others) < len(vector.steps):
                yield f"{switch} = {choice.value} refuses step {len(others) - 1}: this belongs to level disputed"
            elif vector.negative is not None and others[-1] is not None:
                yield f"{switch} = {choice.value} accepts the stream: this belongs to level disputed"
            same = all(map(same_output, checked.decoded[:-1], others[:-1]))
            if not same or (vector.negative is None and not same_output(checked.decoded[-1], others[-1])):
                yield f"{switch} = {choice.value} changes the output: this belongs to level disputed"


def same_output(a: Decoded | None, b: Decoded | None) -> bool:
    """Return whether two decodes succeeded with the same parameters and topology, bit for bit.

    A topology's only, last zero byte may be missing, as for a decoder under test.
    """
    if a is None or b is None or _unterminated(a.topology) != _unterminated(b.topology):
        return False
    return dump_safetensors(a.parameters) == dump_safetensors(b.parameters)


def _unterminated(topology: Topology | None) -> Topology | None:
    return None if topology is None else replace(topology, data=without_terminator(topology.data))


CHECKS: Final[tuple[Callable[[CheckedVector], Iterator[str]], ...]] = (outputs_hold, refusals_hold, facts_hold, level_holds, undisputed)
"""The checks of one vector, in the order in which their errors are shown."""
