"""Certificates of decoders: issuing, verifying and withdrawing them.

Read `certificate` (the file format) and `judgement` (the rules) first. The format, the policy file,
and the derivation of the fresh streams are published, and so are the HTML pages, which are verified
byte by byte; the rest may change freely.
"""
