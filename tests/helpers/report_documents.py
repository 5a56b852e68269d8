"""Results documents made by hand, for the tests of reports."""

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.answers import AccuracyRow, Distance, LayerDrift
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import (
    CaseResult,
    ChoiceMade,
    DecoderIdentity,
    EditionedSuite,
    ModelResult,
    Results,
    SessionCaseResult,
    SessionResults,
    StepResult,
    SuiteIdentity,
    close,
    with_steps,
)

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


def distance(relative_error: float | None) -> Distance:
    """A distance of this relative error; only that counts in reports."""
    return Distance(max_error=relative_error, mean_error=relative_error, relative_error=relative_error, cosine=relative_error)


def layers(**errors: float | None) -> tuple[LayerDrift, ...]:
    """The nodes of a network with their relative errors, by the output's name, which is the
    operator's too.
    """
    return tuple(LayerDrift(output=name, operator=name.capitalize(), distance=distance(error)) for name, error in errors.items())


def answer(parameters: str, **more: object) -> AccuracyRow:
    """A row of the network ``mlp``, right on all of 200 samples unless ``more`` says otherwise."""
    fields: dict[str, object] = {"samples": 200, "top1": 1, "agreement": 1, "max_error": 0, "mean_error": 0}
    return AccuracyRow(network="mlp", parameters=parameters, **{**fields, **more})


ACCURACY = (
    answer("original", top1=0.98),
    answer("reference", top1=0.97, max_error=0.5, relative_error=0.02, layers=layers(flatten=0.0, gemm=0.01, relu=0.1)),
    answer(
        "decoded",
        top1=0.965,
        max_error=0.75,
        relative_error=0.25,
        to_reference=distance(0.125),
        layers=layers(flatten=0.0, gemm=1.0, relu=0.5),
        first_drift="gemm",
    ),
)


def case(vector: str, decoder: str = "alpha", outcome: Outcome = Outcome.PASS, **more: object) -> CaseResult:
    """A case of level core and clause 10 that rests on a verified fact, unless ``more`` says
    otherwise.
    """
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
    """The results that hold these cases; ``absent`` are further planned ids, VECTOR@DECODER."""
    ordered = tuple(sorted(cases, key=lambda one: (one.decoder, one.vector)))
    planned = tuple(sorted([*(one.id for one in ordered), *absent]))
    names = sorted({name.partition("@")[2] for name in planned})
    return Results(
        suite=SuiteIdentity(manifest_sha256="0" * 64, levels=tuple(level for level in Level if level is not Level.HUGE)),
        decoders=tuple(DecoderIdentity(name=name, version=versions, kind="command", capabilities=("int",)) for name in names),
        planned=planned,
        cases=ordered,
        closing=close(planned, ordered) if closed else None,
    )


def sessions() -> SessionResults:
    """Results of format 2: a vector of one stream, a session that passes with a wrong model after
    its last step, and one whose second step is wrong.
    """
    right = ModelResult(right=True, sha256="1" * 64)
    wrong = ModelResult(right=False, message="tensor 'w': dtype", sha256="2" * 64)
    passed = StepResult(outcome=Outcome.PASS, output_sha256="3" * 64, model=right)
    flags = ("int", "updates")
    good = SessionCaseResult(
        **dict(case("session-good", flags=flags)), edition=2024, steps=(passed, passed.model_copy(update={"model": wrong}))
    )
    failed = StepResult(outcome=Outcome.FAIL, message="tensor 'w'[0]: differs", output_sha256="4" * 64)
    last_step = case("session-bad", outcome=Outcome.FAIL, message="step 1: tensor 'w'[0]: differs", flags=flags)
    bad = SessionCaseResult(**dict(last_step), edition=2024, steps=(passed, failed))
    whole = document(with_steps(case("single")), bad, good)
    suite = EditionedSuite(**dict(whole.suite), editions=(2022, 2024))
    return SessionResults(**{**dict(whole), "format": "nnc-results/2", "suite": suite})


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
