"""Updates of the second edition.

The base model remembers what later streams need; an update changes it.

Read `base_model` first: its classes are what one step of a session hands to the next. `applying`
says which parent a data unit needs and how its values become the new model. Names and shapes of
`BaseModel` are public; the functions of `applying` may change.
"""
