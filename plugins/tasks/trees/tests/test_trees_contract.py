"""Every task of this plugin keeps the contract of tasks, in each of its forms."""

from recurra_contract import contract

FORMS = {"labelled": {"form": "labelled"}, "sequence": {"form": "sequence"}}
SHAPES = {shape: {"shape": shape} for shape in ("balanced", "left", "right")}
SENTENCES = {
    "binary": {"labels": "binary"},
    "root alone": {"supervision": "root"},
    "all words": {"min_count": 1, "lowercase": True},
}


@contract("task", "sst")
def test_sst(check):
    check()


@contract("task", "sst", SENTENCES)
def test_sst_in_other_forms(check):
    check()


@contract("task", "listops")
def test_listops(check):
    check()


@contract("task", "listops", FORMS)
def test_listops_in_other_forms(check):
    check()


@contract("task", "boolean-trees")
def test_boolean_trees(check):
    check()


@contract("task", "boolean-trees", FORMS | SHAPES)
def test_boolean_trees_in_other_forms(check):
    check()


@contract("task", "arithmetic-trees")
def test_arithmetic_trees(check):
    check()


@contract("task", "arithmetic-trees", FORMS)
def test_arithmetic_trees_in_other_forms(check):
    check()


@contract("task", "scenes")
def test_scenes(check):
    check()
