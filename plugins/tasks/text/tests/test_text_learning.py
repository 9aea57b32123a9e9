"""Small networks learn the synthetic samples, and are far better than what counting reaches."""

import pytest
import torch

from recurra import Ref, detach
from recurra_lab import Model, evaluate
from recurra_lab.training.batches import Batches
from recurra_text.imdb_task import IMDB
from recurra_text.language_model_task import LanguageModel
from recurra_text.translation_task import Translation


def trained(task, seed, updates, batch_size=16, cell="lstm"):
    """Train as a run does, the state going on where the task says so, and return the scores on test."""
    torch.manual_seed(seed)
    model = Model(task, Ref("cell", cell, hidden_size=64), embedding_size=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    state = None
    for k in range(updates):
        batch = task.batch(k, batch_size=batch_size, seed=seed, split="train")
        goes_on = task.continues_previous(k, batch_size=batch_size, seed=seed, split="train")
        optimizer.zero_grad()
        y, state = model(batch.x, detach(state) if goes_on else None, lengths=batch.lengths)
        task.loss(y, batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return {name: score.value for name, score in evaluate(model, _test(task), 5).items()}


def _test(task):
    return Batches(task, 16, 0, "test", rank=0, ranks=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_language_model_beats_counting_pairs(seed):
    task = LanguageModel(level="word", window=35)
    found = trained(task, seed, 200)["perplexity"]
    assert found < 0.9 * task.baselines()["bigram"]["perplexity"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reviews_are_told_apart_better_than_by_counting_words(seed):
    task = IMDB(steps=24)
    found = trained(task, seed, 200, cell="gru")["accuracy_percent"]
    assert found > task.baselines()["naive-bayes"]["accuracy_percent"] + 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_numbers_are_translated(seed):
    assert trained(Translation(), seed, 400)["sentence_percent"] > 80
