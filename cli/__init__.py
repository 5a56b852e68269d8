"""The command line: one thin module per command, listed in `main.COMMANDS`.

Read `main` first, then any command, such as `decode`. A command reads its arguments, calls one
function of the packages below and prints the result; logic belongs in those packages. Help and
messages may change freely. Command names, options and exit codes are public and stay.
"""
