"""Fresh streams, drawn for the decoders of a run.

They try what no published vector has.

A published suite can be learnt by heart, and it lacks what nobody thought of. The draw follows from
the suite and the decoder: the same decoder always gets the same streams, another one, or another
version, gets others.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nnc_conformance.generator import stress, stress_sessions
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.suite_folder import StoredVector, Suite, manifest_entry, write_vector
from nnc_conformance.storage.vector import AnyVector, capabilities_of
from nnc_conformance.suites.results.result import DecoderIdentity

_DIGITS: Final = 8
"""Hex digits of the seed in an id; see `fresh_ids`."""


def with_fresh(
    suite: Suite, decoders: Sequence[DecoderIdentity], *, count: int, takes: Callable[[AnyVector], bool] = lambda _: True
) -> Suite:
    """Add fresh streams to a suite's vectors.

    Every decoder of a run gets the fresh streams of all of them.

    Args:
        suite: The selected vectors.
        decoders: For each of them ``count`` streams are drawn that need none but its capabilities;
            none if these allow no payload.
        count: Streams for each decoder.
        takes: Selects streams.
    """
    scratch = tempfile.TemporaryDirectory(prefix="nnc-conformance-fresh-")
    root = Path(scratch.name)
    for stored in suite.vectors:
        level = root / stored.vector.level
        level.mkdir(exist_ok=True)
        (level / stored.vector.id).symlink_to(stored.folder.resolve(), target_is_directory=True)
    drawn: dict[str, StoredVector] = {}
    known = set(capabilities_of(2022))
    for declared in decoders:
        grammar = stress_sessions if stress_sessions.NEEDED in declared.capabilities else stress
        names = tuple(name for name in declared.capabilities if grammar is stress_sessions or name in known)
        decoder = declared.model_copy(update={"capabilities": names})
        if not stress.PAYLOADS.keys() & set(names):
            continue
        seed = _seed(suite.manifest_sha256, decoder, grammar.GRAMMAR)
        for number, made in enumerate(grammar.vectors(seed, count, frozenset(names))):
            name = f"fresh-{seed.to_bytes(32).hex()[:_DIGITS]}-{number:02}"
            vector = made.vector.model_copy(update={"id": name, "title": f"Fresh stream {number} of the stress grammar"})
            if takes(vector):
                write_vector(root, vector, made.files)
                drawn[name] = StoredVector(vector, root / vector.level / name)
    vectors = tuple(drawn.values())
    manifest = suite.manifest.model_copy(update={"vectors": (*suite.manifest.vectors, *(manifest_entry(one.vector) for one in vectors))})
    return replace(suite, root=root, manifest=manifest, vectors=(*suite.vectors, *vectors), origin=suite.source, scratch=scratch)


def _seed(manifest_sha256: str, decoder: DecoderIdentity, grammar: str) -> int:
    """Derive the seed of a decoder's streams."""
    text = canonical_json(["nnc-fresh/1", grammar, manifest_sha256, decoder.model_dump(mode="json")])
    return int.from_bytes(hashlib.sha256(text.encode()).digest())
