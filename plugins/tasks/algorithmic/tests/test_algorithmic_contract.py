"""The algorithmic tasks keep the contract of tasks; so do their variants."""

from recurra_contract import contract


@contract("task", "copy", {"short": {"bits": 1, "max_length": 3}})
def test_copy(check):
    check()


@contract("task", "repeat-copy", {"six bits": {"bits": 6}, "one repeat": {"max_repeats": 1, "scaled_for": 1}})
def test_repeat_copy(check):
    check()


@contract("task", "associative-recall", {"bits alone": {"bits": 4, "vectors": 1, "min_items": 3}})
def test_associative_recall(check):
    check()


@contract("task", "dynamic-ngrams", {"pairs": {"context": 1, "length": 30}})
def test_dynamic_ngrams(check):
    check()


@contract("task", "priority-sort", {"all kept": {"bits": 4, "vectors": 5, "kept": 5}})
def test_priority_sort(check):
    check()
