"""The syntax structures: one function for each table of the standard, over a walker.

Read `unit` first, then `data_unit`. A structure reads like the table: each call names an element
and its descriptor. Each branch has a label in a comment, by which coverage goals know it
(`reference.syntax.branches`); labels are stable, variables may be renamed freely.
"""
