"""Runs: planned cases, the processes that execute them, the journal, and what a run leaves.

Read `task_kind` and `runner` first: the runner knows no decoders, `decoding` tells it how to run
them. Change scheduling freely; results must be the same bytes for every number of processes.
"""
