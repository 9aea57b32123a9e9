"""The Stanford Sentiment Treebank: the sentiment of sentences and of all their phrases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from recurra import Batch, Corpus, DamagedFile, Goal, InvalidOption, Score, Split
from recurra_trees.arrange import NODE
from recurra_trees.bank import FILES, Tree, read_folder, read_hub, read_sample
from recurra_trees.classes import Classes, Count, last_step

UNKNOWN = 1
NEUTRAL = 2
PUBLISHED = {"fine": 45.7, "binary": 85.4}
"""Accuracy at the root of the recursive neural tensor network, in percent."""


class Sentence(NamedTuple):
    """One tree: nodes (T, 2), [token, arity]; labels (T,), classes; mask (T,), the scored nodes."""

    nodes: Tensor
    labels: Tensor
    mask: Tensor


class SST(Classes, Corpus):
    """Classify the sentiment of a sentence and of every phrase in it, at each node of its binary parse tree.

    Leaves are words; inner nodes have no word, so all of them have the same token. With `labels` = `fine`
    there are 5 classes, from very negative to very positive. With `binary` there are 2, positive and
    negative; neutral nodes are not scored, and sentences with a neutral root are left out. Each epoch visits
    every training sentence exactly once, in an order that depends on the seed; validation and test follow the
    order of the file.

    Words that occur fewer than `min_count` times in the training split share the token of unknown words.
    Without `folder` and `hub`, the task uses a few synthetic sentences, so that it can be tried; scores on
    them are not comparable with the treebank, and their suite is called `synthetic-sample`.

    Shapes: x (B, T, 2), [token, arity]; y (B, T, 5 or 2), logits, scored at every node, or only at the last
    step of each row with `supervision` = `root`.
    Scores: root_percent and, if all nodes are supervised, nodes_percent: the accuracy over sentences and over
    nodes.
    Baselines: constant, the most frequent class of the test split, separately for roots and nodes: 28.6 and
    68.5 for `fine` on the treebank.
    Goal: a higher accuracy at the root than the tensor network of the paper: 45.7 (fine), 85.4 (binary).
    Differs from the paper: rare words share a vector (`min_count` = 1 keeps all words); the loss is the mean
    over nodes, not their sum. Word vectors are trained from random values, as in the paper.
    Source: Socher et al. 2013, EMNLP.

    Raises:
        MissingFile: The folder, a file in it or the revision on the Hub does not exist.
        DamagedFile: A file is damaged, empty, or does not contain binary trees with labels from 0 to 4.
        InvalidOption: Both a folder and the Hub are named.
    """

    stream = "SST"
    goal = Goal("root_percent", above=PUBLISHED["fine"])
    input_kind = "token-trees"

    def __init__(
        self,
        *,
        folder: Annotated[
            Path | None, Field(description="folder with train, dev and test as .txt or .txt.gz, in brackets")
        ] = None,
        hub: Annotated[bool, Field(description="load the treebank from the Hugging Face Hub")] = False,
        revision: Annotated[
            str, Field(description="revision on the Hub; name a commit to pin it")
        ] = "refs/convert/parquet",
        labels: Annotated[
            Literal["fine", "binary"], Field(description="5 classes (fine) or 2 (binary)")
        ] = "fine",
        supervision: Annotated[
            Literal["nodes", "root"], Field(description="which nodes supply the training loss")
        ] = "nodes",
        min_count: Annotated[
            Count, Field(description="minimum count in training for a word to be known")
        ] = 2,
        lowercase: Annotated[bool, Field(description="convert words to lower case")] = False,
    ) -> None:
        if folder and hub:
            raise InvalidOption(f"SST: folder = {folder} and hub = true exclude each other; name one of them")
        trees = read_folder(folder) if folder else read_hub(revision) if hub else read_sample()
        self.synthetic = not folder and not hub
        self.lowercase, self.fine, self.only_root = lowercase, labels == "fine", supervision == "root"
        self.vocabulary = self._vocabulary(trees["train"], min_count)
        super().__init__(len(self.vocabulary) + 2, 5 if self.fine else 2)
        self.goal = Goal("root_percent", above=PUBLISHED[labels])
        self.sentences = {split: self._sentences(split, trees[split]) for split in FILES}

    def _vocabulary(self, trees: Sequence[Tree], min_count: int) -> Mapping[str, int]:
        """Return word -> token, in alphabetical order."""
        counts = Counter(self._spelled(word) for tree in trees for word in tree.words if word)
        known = sorted(word for word, count in counts.items() if count >= min_count)
        return {word: token for token, word in enumerate(known, UNKNOWN + 1)}

    def _spelled(self, word: str) -> str:
        return word.lower() if self.lowercase else word

    def _sentences(self, split: Split, trees: Sequence[Tree]) -> list[Sentence]:
        found = [self._sentence(tree) for tree in trees if self.fine or tree.labels[-1] != NEUTRAL]
        if not found:
            message = f"the {FILES[split]} split has no sentence whose root is not neutral"
            raise DamagedFile(f"SST: {message}; use labels = fine, or other files")
        return found

    def _sentence(self, tree: Tree) -> Sentence:
        tokens = [self.vocabulary.get(self._spelled(word), UNKNOWN) if word else NODE for word in tree.words]
        labels = torch.tensor(tree.labels)
        mask = last_step(torch.tensor([len(labels)]), len(labels))[0] if self.only_root else labels >= 0
        if not self.fine:
            labels, mask = (labels > NEUTRAL).long(), mask & (labels != NEUTRAL)
        return Sentence(torch.tensor([tokens, tree.arities]).T.contiguous(), labels, mask)

    def count(self, split: Split) -> int:
        """Return the number of sentences in a split."""
        return len(self.sentences[split])

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return sentences of a split as a batch."""
        chosen = [self.sentences[split][row] for row in rows.tolist()]
        nodes, labels, mask = (
            pad_sequence(list(part), batch_first=True) for part in zip(*chosen, strict=True)
        )
        return Batch(nodes, labels, mask, torch.tensor([len(sentence.labels) for sentence in chosen]))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return root_percent and, if all nodes are supervised, nodes_percent."""
        root = last_step(batch.lengths, batch.mask.shape[1]) & batch.mask
        found = {"root_percent": self.percent(y, batch, root)}
        return found if self.only_root else {**found, "nodes_percent": self.percent(y, batch, batch.mask)}

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the most frequent class of the test split, separately for roots and nodes."""
        sentences = self.sentences["test"]
        roots = torch.stack([sentence.labels[-1] for sentence in sentences])
        nodes = torch.cat([sentence.labels[sentence.mask] for sentence in sentences])
        parts = {"root_percent": roots} | ({} if self.only_root else {"nodes_percent": nodes})
        return {"constant": {name: _largest(part) for name, part in parts.items()}}


def _largest(labels: Tensor) -> float:
    return 100 * float(torch.bincount(labels).max()) / len(labels)
