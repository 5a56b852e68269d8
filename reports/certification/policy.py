"""The rules of certification, as data."""

import datetime
import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError, unknown
from nnc_conformance.storage.documents import Frozen, first_tagged_problem
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.targets import TARGETS, Target
from nnc_conformance.storage.vector import CAPABILITIES, EDITIONS, Edition, Level, VectorId

POLICY_BYTES: Final = 1 << 20
UNCOUNTED: Final = (Level.DISPUTED, Level.INFERRED, Level.HUGE)
"""Levels that no certificate counts."""


class PolicyError(NNCError):
    """A policy file cannot be read, or counts what a certificate must not count."""


def _levels(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if not levels or set(levels) & set(UNCOUNTED) or len(set(levels)) != len(levels):
        raise ValueError(f"give one or more levels, each once, and none of {', '.join(UNCOUNTED)}")
    return levels


def _known(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    for capability in sorted(set(capabilities) - set(CAPABILITIES)):
        raise ValueError(unknown("capability", capability, CAPABILITIES))
    return capabilities


class Waiver(Frozen):
    """Permission for one vector to fail, with a reason, up to and including a day."""

    vector: VectorId
    reason: str = Field(min_length=1)
    expires: datetime.date


class CertificationPolicy(Frozen):
    """Requirements for a certificate, and waivers.

    They are the levels that must pass, the capabilities that must be declared, and the number of
    fresh streams.
    """

    format: Literal["nnc-policy/1"] = "nnc-policy/1"
    name: str = Field(min_length=1, max_length=200)
    levels: Annotated[tuple[Level, ...], AfterValidator(_levels)]
    capabilities: Annotated[tuple[str, ...], AfterValidator(_known)] = ()
    challenge: int = Field(ge=1, le=10_000)
    waivers: tuple[Waiver, ...] = ()

    @property
    def counted_editions(self) -> tuple[Edition, ...]:
        """The editions of the standard whose vectors must pass."""
        return EDITIONS[:1]

    def waiver(self, vector: str, today: datetime.date) -> Waiver | None:
        """Return the waiver of a vector that is valid on ``today``, or None."""
        return next((waiver for waiver in self.waivers if waiver.vector == vector and today <= waiver.expires), None)


def _sorted(editions: tuple[Edition, ...]) -> tuple[Edition, ...]:
    if not editions or list(editions) != sorted(set(editions)):
        raise ValueError("give one or more editions, each once, in order")
    return editions


def _target(name: str) -> str:
    if name not in TARGETS:
        raise ValueError(unknown("target", name, TARGETS))
    return name


class EditionedPolicy(CertificationPolicy):
    """Requirements that name the editions of the standard whose vectors must pass."""

    format: Literal["nnc-policy/2"] = "nnc-policy/2"  # type: ignore[assignment]  # another format, told apart by this key
    editions: Annotated[tuple[Edition, ...], AfterValidator(_sorted)]
    target: Annotated[str, AfterValidator(_target)] | None = Field(default=None, description="the target that is met, if it is about one")

    @property
    def counted_editions(self) -> tuple[Edition, ...]:
        """The editions of the standard whose vectors must pass."""
        return self.editions


_POLICY: Final[TypeAdapter[CertificationPolicy | EditionedPolicy]] = TypeAdapter(
    Annotated[CertificationPolicy | EditionedPolicy, Field(discriminator="format")]
)
_NAMES: Final = {2022: "first edition", 2024: "second edition"}


def load_policy(path: Path | None) -> CertificationPolicy:
    """Read a policy file (None: the built-in one); raise `PolicyError`."""
    try:
        data = _built_in() if path is None else read_regular(path, max_bytes=POLICY_BYTES)
        return _POLICY.validate_python({"format": "nnc-policy/1"} | tomllib.loads(data.decode()))
    except ValidationError as error:
        raise PolicyError(f"{path}: {first_tagged_problem(error)}") from None
    except (ModelError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: {error}") from None


def target_policy(target: Target) -> EditionedPolicy:
    """Return the built-in policy for a target, which requires all its capabilities."""
    fields = policy_of([target.edition]).model_dump(exclude={"name", "levels", "capabilities", "target"})
    levels = (Level.CORE, Level.FULL, Level.NEGATIVE)
    return EditionedPolicy(
        **fields, levels=levels, name=f"{target.name}: {target.source}", capabilities=target.capabilities, target=target.name
    )


def policy_of(editions: Collection[Edition]) -> EditionedPolicy:
    """Return the built-in policy for these editions of the standard."""
    named = tuple(sorted(editions))
    words = " and ".join(_NAMES[edition] for edition in named)
    fields = load_policy(None).model_dump(exclude={"format", "name"})
    return EditionedPolicy(**fields, name=f"NNC decoder conformance, {words}", editions=named)


def is_built_in(policy: CertificationPolicy) -> bool:
    """Return whether a policy is a built-in one, whatever its waivers."""
    plain = policy.model_copy(update={"waivers": ()})
    if not isinstance(policy, EditionedPolicy):
        return plain == load_policy(None)
    return plain == (policy_of(policy.editions) if policy.target is None else target_policy(TARGETS[policy.target]))


def _built_in() -> bytes:
    return files("nnc_conformance.reports.certification").joinpath("policy.toml").read_bytes()
