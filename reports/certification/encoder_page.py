"""The certificate of an encoder as a self-contained HTML page.

The page embeds the certificate and is determined by it byte for byte.
"""

import base64

from nnc_conformance.reports.certification.certificate import UNSIGNED
from nnc_conformance.reports.certification.encoder_certificate import EncoderCertificate
from nnc_conformance.reports.certification.encoder_judgement import (
    ENCODER_WEIGHTS,
    EncoderWeight,
    capability_counts,
    group_counts,
    never_asked,
    option_evidence,
    weigh_cases,
)
from nnc_conformance.reports.html import render_page, resource
from nnc_conformance.storage.sealed import canonical_text


def render_encoder_certificate(certificate: EncoderCertificate) -> str:
    """Render the page of a certificate; the same certificate gives the same bytes.

    Any change to the template, ``report.css`` or `ENCODER_WEIGHTS` invalidates pages already
    issued.
    """
    body = certificate.body
    weighed = weigh_cases(body, body.issued)
    return render_page(
        "encoder-certificate.html.jinja",
        style=resource("report.css"),
        certificate=certificate,
        body=body,
        word="Certified" if certificate.seal.signature is not None else UNSIGNED.capitalize(),
        weights=ENCODER_WEIGHTS,
        weighed=weighed,
        groups=group_counts(weighed),
        options=option_evidence(weighed),
        capabilities=capability_counts(weighed),
        waived=[one for one in weighed if one.weight is EncoderWeight.WAIVED],
        never=never_asked(body),
        held=base64.b64encode(canonical_text(certificate).encode()).decode(),
    )
