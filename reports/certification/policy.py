"""The rules of certification, as data."""

import datetime
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError, unknown
from nnc_conformance.storage.documents import Frozen, first_problem
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.vector import CAPABILITIES, Level, VectorId

POLICY_BYTES: Final = 1 << 20
UNCOUNTED: Final = (Level.DISPUTED, Level.INFERRED)
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
    """Requirements: levels that must pass, capabilities that must be declared, number of fresh
    streams; and waivers.
    """

    format: Literal["nnc-policy/1"] = "nnc-policy/1"
    name: str = Field(min_length=1, max_length=200)
    levels: Annotated[tuple[Level, ...], AfterValidator(_levels)]
    capabilities: Annotated[tuple[str, ...], AfterValidator(_known)] = ()
    challenge: int = Field(ge=1, le=10_000)
    waivers: tuple[Waiver, ...] = ()

    def waiver(self, vector: str, today: datetime.date) -> Waiver | None:
        """Return the waiver of a vector that is valid on ``today``, or None."""
        return next((waiver for waiver in self.waivers if waiver.vector == vector and today <= waiver.expires), None)


def load_policy(path: Path | None) -> CertificationPolicy:
    """Read a policy file (None: the built-in one); raise `PolicyError`."""
    try:
        data = _built_in() if path is None else read_regular(path, max_bytes=POLICY_BYTES)
        return CertificationPolicy.model_validate(tomllib.loads(data.decode()))
    except ValidationError as error:
        raise PolicyError(f"{path}: {first_problem(error)}") from None
    except (ModelError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: {error}") from None


def _built_in() -> bytes:
    return files("nnc_conformance.reports.certification").joinpath("policy.toml").read_bytes()
