"""The certificate as a page: one self-contained file that holds the certificate itself, and follows from it to the byte."""

import base64
import binascii
import re
from collections import Counter
from typing import Final

from markupsafe import Markup

from nnc_conformance.reports.certification.certificate import UNSIGNED, Certificate
from nnc_conformance.reports.certification.judgement import WEIGHTS, Weight, weigh
from nnc_conformance.reports.html import environment, resource, style_digest
from nnc_conformance.storage.sealed import SealError, canonical_text

TEMPLATE: Final = "certificate.html.jinja"
_DOCTYPE: Final = b"<!DOCTYPE html>"
_HELD: Final = re.compile(rb'href="data:application/json;base64,([A-Za-z0-9+/=]+)"')


def render_certificate(certificate: Certificate) -> str:
    """The page of a certificate; the same certificate gives the same bytes."""
    body = certificate.body
    style = resource("report.css")
    weighed = weigh(body, body.issued)
    levels = {level: Counter(one.weight for one in weighed if one.case.level is level) for level in body.policy.levels}
    undeclared = sorted({flag for one in weighed for flag in one.case.flags} - set(body.decoder.capabilities))
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            certificate=certificate,
            body=body,
            word="Certified" if certificate.seal.signature is not None else UNSIGNED.capitalize(),
            weights=WEIGHTS,
            weighed=weighed,
            levels=levels,
            waived=[one for one in weighed if one.weight is Weight.WAIVED],
            undeclared=undeclared,
            held=base64.b64encode(canonical_text(certificate).encode()).decode(),
            style=Markup(style),
            policy=f"default-src 'none'; style-src '{style_digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'",
        )
    )


def is_page(data: bytes) -> bool:
    """Whether this is a page, and not the certificate's JSON."""
    return data.startswith(_DOCTYPE)


def certificate_text_in(data: bytes, what: str) -> bytes:
    """Returns the certificate that a page holds; raises `SealError`."""
    found = _HELD.findall(data)
    if len(found) != 1:
        raise SealError(f"{what} holds {len(found)} certificates, not one")
    try:
        return base64.b64decode(found[0], validate=True)
    except binascii.Error as error:
        raise SealError(f"{what}: the certificate in it cannot be read: {error}") from None
