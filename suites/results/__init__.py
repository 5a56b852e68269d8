"""What a run finds and how it is stored: outcomes, faults, results.json, run.json.

Read `outcomes` and `result` first. Change texts freely; field names, outcome names and fault codes
are published formats.
"""
