"""Results made readable: HTML, Markdown, JUnit, CSV, badges, coverage and mutation pages, and
certificates.

Read `report` first (what a report contains), then `summary`, which builds it from results, and one
renderer such as `csv`. Renderers may change freely: they are pure functions of a `Report`. The
columns of the CSV file, the JUnit structure and `certification` are formats that others read.
"""
