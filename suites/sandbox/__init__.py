"""Processes of decoders under test: limits, process tree, isolation, Linux calls.

Read `bounded_process` first; `isolation` explains who ends whom when a process is killed. Change
freely how use is measured and how often; keep every way in which a decoder's processes end
(tests/suites/running/test_suites_killed.py).
"""
