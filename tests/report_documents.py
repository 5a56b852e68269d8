"""Results documents made by hand, for the tests of reports."""

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.answers import AccuracyRow
from nnc_conformance.suites.differences import TensorDifference
from nnc_conformance.suites.outcomes import Outcome
from nnc_conformance.suites.result import CaseResult, ChoiceMade, DecoderIdentity, Results, SuiteIdentity, close

HOSTILE = (
    "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\x1b[31m\x00\ufffe\u202e|`@all` {{7*7}} \"'&amp;"
)
DIFFERENCE = TensorDifference(
    tensor="conv.weight",
    kind="value",
    index=(0, 2),
    expected="1.0 (0x3f800000)",
    actual="-1.0 (0xbf800000)",
    count=3,
    elements=8,
    max_ulp=7,
)
ACCURACY = (
    AccuracyRow(network="mlp", parameters="original", samples=200, top1=0.98, agreement=1, max_error=0, mean_error=0),
    AccuracyRow(network="mlp", parameters="reference", samples=200, top1=0.97, agreement=0.99, max_error=0.5, mean_error=0.1),
    AccuracyRow(network="mlp", parameters="decoded", samples=200, top1=0.965, agreement=0.98, max_error=0.75, mean_error=0.2),
)


def case(vector: str, decoder: str = "alpha", outcome: Outcome = Outcome.PASS, **more: object) -> CaseResult:
    """A case of level core and clause 10 that rests on a verified fact, unless ``more`` says otherwise."""
    fields: dict[str, object] = {
        "revision": 1,
        "level": Level.CORE,
        "clauses": ("10",),
        "flags": ("int",),
        "elements": ("scan_order",),
        "provenance": Provenance.VERIFIED,
        "title": f"title of {vector}",
        "catches": f"bug of {vector}",
    }
    return CaseResult(vector=vector, decoder=decoder, outcome=outcome, **{**fields, **more})


def document(*cases: CaseResult, closed: bool = True, absent: tuple[str, ...] = (), versions: str = "1.0") -> Results:
    """The results that hold these cases; ``absent`` are ids VECTOR@DECODER planned besides."""
    ordered = tuple(sorted(cases, key=lambda one: (one.decoder, one.vector)))
    planned = tuple(sorted([*(one.id for one in ordered), *absent]))
    names = sorted({name.partition("@")[2] for name in planned})
    return Results(
        suite=SuiteIdentity(manifest_sha256="0" * 64, levels=tuple(Level)),
        decoders=tuple(DecoderIdentity(name=name, version=versions, kind="command", capabilities=("int",)) for name in names),
        planned=planned,
        cases=ordered,
        closing=close(planned, ordered) if closed else None,
    )


def every_outcome(decoder: str = "alpha", message: str = "seen") -> tuple[CaseResult, ...]:
    """One case of each outcome, and of each standing; the message of each is ``message``."""
    plain = tuple(
        case(
            f"case-{outcome.value.replace('_', '-')}",
            decoder,
            outcome,
            message=message,
            differences=(DIFFERENCE,) if outcome is Outcome.FAIL else (),
            tensors_differing=2 if outcome is Outcome.FAIL else 0,
        )
        for outcome in Outcome
        if outcome is not Outcome.CHOICE
    )
    return (
        *plain,
        case(
            "disputed",
            decoder,
            Outcome.CHOICE,
            level=Level.DISPUTED,
            provenance=Provenance.PUBLISHED,
            choices=(ChoiceMade(switch="int_dq_flag", choice="ignored"),),
        ),
        case("inferred", decoder, Outcome.FAIL, level=Level.INFERRED, provenance=Provenance.INFERRED, message=message),
        case("network", decoder, level=Level.MODELS, accuracy=ACCURACY),
        case(
            "broken-size",
            decoder,
            Outcome.WRONGLY_ACCEPTED,
            level=Level.NEGATIVE,
            clauses=("6",),
            rule="unit-size-min",
            policy=Policy.MUST,
            category_expected=Category.SIZE,
            message=message,
        ),
        case("own-limit", decoder, level=Level.NEGATIVE, provenance=Provenance.OWN, rule="limits", policy=Policy.MUST),
    )
