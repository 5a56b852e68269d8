"""Findings of a run and their files: outcomes, faults, results.json, run.json.

Read `outcomes` and `result` first. Change texts freely; field names, outcome names and fault codes
are published formats.
"""
