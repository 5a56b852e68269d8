"""Templates, style sheets and scripts of the HTML pages, as package data.

Read ``report.html.jinja`` first. Texts may change freely, with one exception:
``certificate.html.jinja`` and ``report.css`` make the pages of certificates, which are verified
byte by byte, so a change to them invalidates pages already issued.
"""
