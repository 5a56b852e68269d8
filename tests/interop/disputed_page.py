"""docs/disputed.md: what is disputed, what we do, and what the peer was seen to do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from interop.disputes import Probe, Seen, choices_seen
from interop.pages import COMMAND, Versions, table
from interop.peer_limits import is_own_limit

from nnc_conformance.reference.interpretation import Interpretation

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
    return "\n".join(lines).rstrip() + "\n"


def subject(switch: str) -> str:
    """What a switch is about, as its enumeration says."""
    return (Interpretation.switches()[switch].__doc__ or "").rstrip(".")


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
    yield from table(("stream", "the peer"), ((one.stream, told_of(one)) for one in seen))
    if vectors:
        yield ""
        rows = (
            (linked(one.stream), f"fails at `{first}`: `{one.refusal}`" if first and len(one.choices) > 1 else told_of(one))
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


def told_of(seen: Seen) -> str:
    """What the peer did with a stream, in words."""
    choices = " and ".join(f"`{choice}`" for choice in seen.choices)
    if not seen.refusal:
        return f"decodes as {choices}" if choices else "decodes otherwise"
    if is_own_limit(seen.refusal) or not choices:
        return f"tells nothing, for a limit of its own: `{seen.refusal}`"
    return f"refuses, as {choices} does: `{seen.refusal}`"
