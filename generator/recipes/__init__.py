"""The recipes of the published vectors, one module for each topic.

Read `units` first; `topics` lists the modules. Add recipes freely, with new ids. Streams, titles,
``tests`` and ``catches`` of published recipes are hashed and must not change without a new
revision.
"""
