"""docs/disputed.md: what is disputed, what we do, and what the peer was seen to do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from interop.disputes import Probe, Seen, choices_seen
from interop.pages import COMMAND, Versions, table
from interop.peer_limits import is_own_limit

from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level

MEANINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "map_entries": {
        "count": "as many entries as the count says",
        "count-minus-1": "one entry fewer than the count says; a count of 0 is refused",
    },
    "unification_class_loop": {
        "upm_count_classes": "as many accuracies as upm_count_classes says",
        "upm_class_bitmask": "as many accuracies as the number in upm_class_bitmask",
    },
    "int_dq_flag": {
        "applies": "the index is doubled on the trellis, as for FLOAT, with 24 significance contexts",
        "ignored": "no trellis and 3 significance contexts; dq_state_list stands in the header all the same",
    },
    "column_block_scan": {
        "as-any-matrix": "block rows as in any matrix: contexts start anew, the range is 256",
        "as-scan-0": "as scan 0, though the header has entry points",
    },
    "data_format": {
        "converts": "what is given out has the format's type",
        "ignored": "INT gives int32, the others float32",
    },
    "plain_product": {
        "binary32": "binary32(index) * binary32(step)",
        "binary64": "binary64(index) * step, rounded once to binary32",
    },
    "codebook_product": {
        "binary64": "binary64(value) * step, rounded once to binary32",
        "binary32": "binary32(value) * binary32(step)",
    },
    "data_string": {
        "bs": "bs(v): all bytes up to the unit's end",
        "st": "st(v): up to a zero byte, which ends the unit",
    },
    "alignment_bits": {
        "any": "a reader takes any bits after the first 1 (a writer writes zeros)",
        "checked": "a reader refuses bits that are not zero",
    },
    "dimensions_count_0": {
        "refused": "a tensor that states its dimensions has one at least",
        "one-element": "a tensor of dimensions (1,)",
    },
    "zero_product": {
        "nan": "0 times an infinite step is the NaN 0xFFC00000",
        "zero": "0 times any step is +0",
    },
}
"""What each choice of a switch does."""
MEANINGS_2024: Final[Mapping[str, Mapping[str, str]]] = {
    "pre": {
        "sum": "nnr_pre_flag has no effect",
        "residual": "decoded values are residuals of the tensor's last difference",
    },
    "dimension_shift": {
        "as-coded": "first_tensor_dimension_shift has no effect",
        "moves": "the first dimension moves behind as many others",
    },
    "parent_id": {
        "ignored": "parent_device_id and digests are read and not used",
        "identifies": "they name the parent, which must be known",
    },
    "skipped_stretch": {
        "row-width": "the trellis steps as often as the row is wide, for every block of a skipped row",
        "skipped-indexes": "it steps once for each index that is skipped",
    },
    "codebook_greater_sets": {
        "one-more": "2 * M flags for abs_level_greater_x without TCA",
        "possible-bins": "2 * (M - 1) flags, as many as bins can occur",
    },
    "codebook_prefix_sets": {
        "one-more": "flags for one prefix bin more than can occur",
        "possible-bins": "flags for the prefix bins that can occur",
    },
    "codebook_dq": {
        "limit-before-doubling": "the codebook limits the index before it is doubled",
        "refused": "a codebook together with dq_flag is refused",
    },
    "hdsp_history": {
        "update-streams": "every earlier data unit of the tensor in update streams counts",
        "chain-of-parents": "only those on the chain of named parents count",
    },
    "tca_base": {
        "last": "the tensor's last data unit",
        "named": "the node that the parent id names",
    },
    "tca_without_parent": {
        "refused": "TCA without a known parent is refused",
        "off": "it is decoded as if temporal_context_modeling_flag were 0",
    },
    "raw_float_tca": {
        "refused": "temporal_context_modeling_flag 1 in a RAW_FLOAT is refused",
        "ignored": "the flag is ignored",
    },
    "raw_float_node": {
        "keeps-the-node": "a RAW_FLOAT leaves the tensor's node as it was",
        "is-a-node": "a RAW_FLOAT becomes the tensor's last node",
    },
    "parent_without_node_id": {
        "allowed": "a parent id of type 0 may stand in a unit without a node id",
        "refused": "it may not",
    },
}
"""What each choice of a switch of the second edition does; the first is the peer's, as the sheet of
facts says.
"""


def disputed_page(measured: Sequence[tuple[Probe, Sequence[Seen]]], vectors: Mapping[str, Sequence[Seen]], versions: Versions) -> str:
    """docs/disputed.md; ``vectors``: what the peer makes of the published vectors of each switch."""
    lines = [
        "# Disputed points",
        "",
        f"Where published codecs and the text's facts differ, one switch decides. Made by `{COMMAND}`, which measures what the independent "
        f"codec ({versions.peer}) does by streams that tell the choices apart; not edited by hand. nnc-conformance {versions.project}.",
        "",
        "A certificate counts none of these points, and no vector of level core depends on one.",
        "",
        *table(
            ("point", "clause", "we (default)", "the peer", "switch", "vector"),
            (_summary(probe, seen, vectors.get(probe.switch, ())) for probe, seen in measured),
        ),
        "",
    ]
    for probe, seen in measured:
        lines += [*_section(probe, seen, vectors.get(probe.switch, ())), ""]
    lines += second_edition()
    return "\n".join(lines).rstrip() + "\n"


def second_edition() -> Iterator[str]:
    """The points of the second edition, with the published vectors that tell their choices apart."""
    by_switch: dict[str, list[str]] = {}
    stored_vectors = load_suite(built_in_root(), levels={Level.DISPUTED}, verify=False).vectors
    for stored in stored_vectors:
        for switch in {choice.switch for choice in stored.vector.choices}:
            by_switch.setdefault(switch, []).append(stored.vector.id)
    yield "# Disputed points of the second edition"
    yield ""
    yield "Our default is what the independent codec does, as its streams show ([The second edition](second-edition.md)); the"
    yield "other choice is what the text seems to say, or should."
    yield ""
    for switch, meanings in MEANINGS_2024.items():
        yield f"## {subject(switch)}"
        yield ""
        for choice, meaning in meanings.items():
            yield f"- `{choice}`{' (our default)' if choice == default_of(switch) else ''}: {meaning}."
        yield ""
        other = next(choice for choice in meanings if choice != default_of(switch))
        yield f"Command line (`decode`, `inspect`, `trace`): `--interpretation {switch}={other}`"
        yield ""
        names = by_switch.get(switch, [])
        yield "Vectors:" if names else "No vector tells the choices apart while the other points keep their defaults."
        if names:
            yield ""
            yield from (f"- {linked(name)}" for name in names)
        yield ""
    yield "## Streams of the second edition on points of the first"
    yield ""
    shown = {name for switch in MEANINGS_2024 for name in by_switch.get(switch, [])}
    ids = [stored.vector.id for stored in stored_vectors if stored.vector.edition == 2024]
    yield from (f"- {linked(name)}" for name in ids if name not in shown)
    yield ""


def subject(switch: str) -> str:
    """What a switch is about, as its enumeration says."""
    return (Interpretation.switches(2024)[switch].__doc__ or "").rstrip(".")


def default_of(switch: str) -> str:
    """Our choice."""
    return str(getattr(Interpretation(), switch).value)


def _summary(probe: Probe, seen: Sequence[Seen], vectors: Sequence[Seen]) -> tuple[str, ...]:
    shown = next((vector.stream for vector in vectors if len(vector.choices) == 1 and not is_own_limit(vector.refusal)), None)
    vector = linked(shown) if shown else "-"
    peer = ", ".join(choices_seen(seen, probe.switch)) or "neither"
    return (subject(probe.switch), "; ".join(probe.clauses), default_of(probe.switch), peer, f"`{probe.switch}`", vector)


def _section(probe: Probe, seen: Sequence[Seen], vectors: Sequence[Seen]) -> Iterator[str]:
    switch = probe.switch
    enumeration = Interpretation.switches()[switch]
    peer = choices_seen(seen, switch)
    other = next(choice for choice in enumeration if choice.value != default_of(switch))
    yield f"## {subject(switch)}"
    yield ""
    for choice, meaning in MEANINGS[switch].items():
        who = [name for name, made in (("our default", choice == default_of(switch)), ("the peer's", choice in peer)) if made]
        yield f"- `{choice}`{' (' + ', '.join(who) + ')' if who else ''}: {meaning}."
    yield ""
    yield f"Command line (`decode`, `inspect`, `trace`): `--interpretation {switch}={other.value}`"
    yield ""
    yield f"API: `decode(stream, interpretation=Interpretation({switch}={enumeration.__name__}.{other.name}))`"
    yield ""
    first = other_choices(probe.base)
    if first:
        yield f"The streams are written with `{first}`, as the peer reads; a vector that no choice reads so fails at that point."
        yield ""
    yield from table(("stream", "the peer"), ((one.stream, symptom_of(one)) for one in seen))
    if vectors:
        yield ""
        rows = (
            (linked(one.stream), f"fails at `{first}`: `{one.refusal}`" if first and len(one.choices) > 1 else symptom_of(one))
            for one in vectors
        )
        yield from table(("vector", "the peer"), rows)


def linked(vector: str) -> str:
    """A link to a vector."""
    return f"[{vector}](../vectors/disputed/{vector}/vector.json)"


def other_choices(interpretation: Interpretation) -> str:
    """The settings that are not the default."""
    choices = ((switch, getattr(interpretation, switch)) for switch in Interpretation.switches())
    return ", ".join(f"{switch}={choice.value}" for switch, choice in choices if choice.value != default_of(switch))


def symptom_of(seen: Seen) -> str:
    """What the peer did with a stream, in words."""
    choices = " and ".join(f"`{choice}`" for choice in seen.choices)
    if not seen.refusal:
        return f"decodes as {choices}" if choices else "decodes otherwise"
    if is_own_limit(seen.refusal) or not choices:
        return f"tells nothing, for a limit of its own: `{seen.refusal}`"
    return f"refuses, as {choices} does: `{seen.refusal}`"
