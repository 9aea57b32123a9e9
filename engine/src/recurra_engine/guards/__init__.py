"""What a trace read besides its tensors, as a program that reads it again before each call.

`witness` notes which code the step ran. `walk` finds what that code may read, with `parts` and `objects`,
which know what values consist of. `comparisons` and `whole` say when a value still counts as the same, and
`program` is the result. `untouched` undoes what a run of the step has changed.
"""
