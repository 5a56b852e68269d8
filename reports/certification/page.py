"""The certificate as a self-contained HTML page.

The page embeds the certificate and is determined by it byte for byte.
"""

import base64
import binascii
import re
from collections import Counter
from enum import IntEnum
from typing import Final

from nnc_conformance.reports.certification.certificate import UNSIGNED, Certificate
from nnc_conformance.reports.certification.judgement import WEIGHTS, Weight, evidence, target_of, weigh
from nnc_conformance.reports.html import render_page, resource
from nnc_conformance.storage.sealed import SealError, canonical_text

_DOCTYPE: Final = b"<!DOCTYPE html>"
_HELD: Final = re.compile(rb'href="data:application/json;base64,([A-Za-z0-9+/=]+)"')


class PageForm(IntEnum):
    """Forms of the page, each with what the one before it has, and more."""

    VECTORS = 1
    """What each vector shows: the page of version 0.1.0."""
    CAPABILITIES = 2
    """What the vectors show of each capability, too."""


def render_certificate(certificate: Certificate, form: PageForm = PageForm.CAPABILITIES) -> str:
    """Render the page of a certificate; the same certificate and form give the same bytes.

    Any change to the template, ``report.css`` or `WEIGHTS` invalidates pages already issued, unless
    it makes a new form.
    """
    body = certificate.body
    weighed, target = weigh(body, body.issued), target_of(body)
    levels = {level: Counter(one.weight for one in weighed if one.case.level is level) for level in body.policy.levels}
    undeclared = sorted({flag for one in weighed for flag in one.case.flags} - set(body.decoder.capabilities))
    return render_page(
        "certificate.html.jinja",
        style=resource("report.css"),
        certificate=certificate,
        body=body,
        word=("Certified" if target is None else "Target met") if certificate.seal.signature is not None else UNSIGNED.capitalize(),
        target=target,
        weights=WEIGHTS,
        weighed=weighed,
        levels=levels,
        shown=evidence(body, body.issued) if form >= PageForm.CAPABILITIES else (),
        waived=[one for one in weighed if one.weight is Weight.WAIVED],
        undeclared=undeclared,
        held=base64.b64encode(canonical_text(certificate).encode()).decode(),
    )


def is_page(data: bytes) -> bool:
    """Return whether ``data`` is an HTML page rather than the JSON of a certificate."""
    return data.startswith(_DOCTYPE)


def certificate_text_in(data: bytes, what: str) -> bytes:
    """Extract the JSON of the certificate from a page.

    Raise `SealError` if there is not exactly one.
    """
    found = _HELD.findall(data)
    if len(found) != 1:
        raise SealError(f"{what} holds {len(found)} certificates instead of one")
    try:
        return base64.b64decode(found[0], validate=True)
    except binascii.Error as error:
        raise SealError(f"{what}: the certificate in it cannot be read: {error}") from None
