"""The generator: recipes, grammars and searches that make the suite's vectors.

Read `recipe` first, then `recipes/units` as an example and `building` for the way from a recipe to
a vector. Published streams and texts are hashed, so change a recipe only with a new revision; add
recipes, and change the searches that nothing published depends on, freely.
"""
