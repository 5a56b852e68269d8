"""Runs a suite's vectors on decoders under test and judges them.

It keeps the results.

Each sub-package has one job and imports only those named before it: sandbox, results, decoders,
judging, locating, running, checking. Read `running.decoder_run` first, then `judging.judge`. What
results.json, decoder.toml and the worker protocol contain is published; the rest may change.
"""
