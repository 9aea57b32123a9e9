"""The tasks of text keep the contract of tasks, in each of their forms."""

from recurra_contract import contract


@contract("task", "language-model", {"words": {"level": "word"}, "bytes": {"level": "byte", "window": 7}})
def test_language_model_at_other_levels(check):
    check()


@contract("task", "language-model")
def test_language_model(check):
    check()


@contract("task", "imdb")
def test_imdb(check):
    check()


@contract("task", "imdb", {"unpadded": {"padding": "none", "keep": "first", "steps": 9}})
def test_imdb_without_padding(check):
    check()


@contract("task", "translation")
def test_translation(check):
    check()


@contract("task", "translation", {"characters": {"level": "character", "reverse": True}})
def test_translation_by_characters(check):
    check()
