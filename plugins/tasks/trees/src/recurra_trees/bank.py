"""Labelled parse trees in bracket notation, (3 (2 a) (4 film)), and how to read files of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, cast

from recurra import DamagedFile, InvalidOption, Split, files

LABELS = "01234"
FILES: Mapping[Split, str] = {"train": "train", "validation": "dev", "test": "test"}
HUB, CONFIG, COLUMN = "stanfordnlp/sst", "ptb", "ptb_tree"
PUBLISHED: Mapping[Split, tuple[int, int]] = {
    "train": (8544, 318582),
    "validation": (1101, 41447),
    "test": (2210, 82600),
}
"""Sentences and nodes of each split of the treebank."""
REMEDY = (
    "take train.txt, dev.txt and test.txt from trainDevTestTrees_PTB.zip (https://nlp.stanford.edu/sentiment)"
)


class Tree(NamedTuple):
    """A parse tree in post-order: words ("" at inner nodes), numbers of children, labels 0 to 4."""

    words: list[str]
    arities: list[int]
    labels: list[int]


def parsed(text: str) -> Tree:
    """Parse one tree.

    Raises:
        ValueError: The text is not a binary tree; the message says why.
    """
    tree, open_nodes = Tree([], [], []), list[list[Any]]()  # of each open node: label, children, word
    # Some words contain a non-breaking space, such as 8 1/2.
    tokens = iter(re.findall(r"[()]|[^ \t\r\n()]+", text))
    for token in tokens:
        if tree.words and not open_nodes:
            raise ValueError(f"'{token}' comes after the end of the tree")
        if token == "(":
            open_nodes.append([_label(next(tokens, "")), 0, ""])
        elif not open_nodes:
            raise ValueError(f"it begins with '{token}' instead of a bracket")
        elif token == ")":
            _close(tree, open_nodes)
        elif open_nodes[-1][1] or open_nodes[-1][2]:
            raise ValueError(f"the word '{token}' is not alone in its node")
        else:
            open_nodes[-1][2] = token
    if open_nodes or not tree.words:
        raise ValueError("a bracket is not closed" if open_nodes else "there is no tree")
    return tree


def _label(token: str) -> int:
    if len(token) != 1 or token not in LABELS:
        raise ValueError(f"a node begins with '{token}' instead of a label from 0 to 4")
    return int(token)


def _close(tree: Tree, open_nodes: list[list[Any]]) -> None:
    label, children, word = open_nodes.pop()
    if not word and children != 2:
        raise ValueError(
            f"an inner node has {children} children, and trees must be binary; binarise them first"
        )
    if open_nodes:
        if open_nodes[-1][2]:
            raise ValueError(f"the word '{open_nodes[-1][2]}' is not alone in its node")
        open_nodes[-1][1] += 1
    tree.words.append(word)
    tree.arities.append(children)
    tree.labels.append(label)


def read_sample() -> Mapping[Split, list[Tree]]:
    """Read the synthetic sentences that are part of this package."""
    return read_folder(cast(Path, resources.files(__package__).joinpath("synthetic_sample")))


def read_folder(folder: Path) -> Mapping[Split, list[Tree]]:
    """Read train, dev and test from a folder, as .txt or .txt.gz with one tree per line.

    Raises:
        MissingFile: The folder or a file in it does not exist.
        DamagedFile: A file cannot be read, contains something that is not a binary tree, or is empty.
    """
    files.check_folder(folder, REMEDY)
    return {split: _read_file(folder, name) for split, name in FILES.items()}


def _read_file(folder: Path, name: str) -> list[Tree]:
    path = files.first_of(folder, (f"{name}.txt", f"{name}.txt.gz"), REMEDY)
    try:
        text = files.content_of(path, "text", REMEDY).decode()
    except UnicodeDecodeError as error:
        raise files.unreadable(path, "text", error, REMEDY) from None
    return trees_of(str(path), text.split("\n"))


def trees_of(where: str, lines: Iterable[str]) -> list[Tree]:
    """Read one tree from each line that is not blank.

    Raises:
        DamagedFile: A line is not a binary tree, or there is no line.
    """
    trees = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            trees.append(parsed(line))
        except ValueError as error:
            message = f"{where}, line {number}: no binary tree of words and labels: {error}"
            raise DamagedFile(f"{message}; correct the line, or {REMEDY}") from None
    if not trees:
        raise DamagedFile(f"{where} holds no tree; {REMEDY}")
    return trees


def read_hub(revision: str) -> Mapping[Split, list[Tree]]:
    """Read the treebank from the Hub, and verify its published numbers of sentences and nodes.

    Raises:
        InvalidOption: The revision is empty.
        MissingFile: The Hub cannot be reached, or the revision does not exist.
        DamagedFile: The data set is not the treebank.
    """
    if not revision:
        raise InvalidOption(f"SST: revision is empty; it must name a commit or a branch of {HUB}")
    parts = {split: f"hf://datasets/{HUB}@{revision}/{CONFIG}/{split}/0000.parquet" for split in FILES}
    what, remedy = f"{HUB} at revision '{revision}'", f"{REMEDY}, and name their folder in task.folder"
    found = files.from_hub(what, remedy, "parquet", data_files=parts)
    return {split: _checked(f"{HUB} ({split})", found[split], PUBLISHED[split]) for split in FILES}


def _checked(where: str, rows: Any, published: tuple[int, int]) -> list[Tree]:
    if COLUMN not in rows.column_names:
        message = f"{where} has no column '{COLUMN}', only {', '.join(rows.column_names)}"
        raise DamagedFile(f"{message}; name another revision")
    trees = trees_of(where, rows[COLUMN])
    found = len(trees), sum(len(tree.words) for tree in trees)
    if found != published:
        message = f"{where} has {found[0]:,} sentences of {found[1]:,} nodes, and the treebank has"
        raise DamagedFile(f"{message} {published[0]:,} of {published[1]:,}; name another revision")
    return trees
