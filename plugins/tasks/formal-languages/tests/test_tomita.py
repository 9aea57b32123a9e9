"""What Tomita's task draws, judges and refuses; its automata are tested in test_automata.py."""

from collections import Counter

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages import automata
from recurra_formal_languages.tomita import TOMITA_STRINGS, Tomita
from recurra_lab import goal_scores


def words_of(batch):
    for x, length in zip(batch.x, batch.lengths.tolist(), strict=True):
        assert x[0].tolist() == [0, 0, 1]
        assert not x[length:].any()
        yield "".join(str(int(s)) for s in x[1:length].argmax(-1))


def inside(grammar, word):
    state = 0
    for symbol in word:
        state = int(automata.tomita(grammar).follow[state, int(symbol)])
    return bool(automata.tomita(grammar).accepts[state])


@pytest.mark.parametrize("grammar", range(1, 8))
def test_half_of_the_strings_are_inside_and_all_are_judged_rightly(grammar):
    batch = Tomita(grammar=grammar).sample(1000, torch.Generator().manual_seed(0))
    assert batch.mask.sum(1).tolist() == [1] * 1000
    assert batch.mask[torch.arange(1000), batch.lengths - 1].all()
    verdicts = batch.target[batch.mask][:, 0].tolist()
    for word, verdict in zip(words_of(batch), verdicts, strict=True):
        assert 1 <= len(word) <= 15
        assert inside(grammar, word) == bool(verdict)
    assert abs(sum(verdicts) - 500) < 5 * 15.8


def test_lengths_are_uniform_among_those_that_there_are():
    batch = Tomita(grammar=2).sample(7000, torch.Generator().manual_seed(0))
    member = batch.target[:, :, 0].any(1)
    counts = Counter((batch.lengths[member] - 1).tolist())
    assert set(counts) == {2, 4, 6, 8, 10, 12, 14}
    assert all(abs(count - 500) < 5 * 21.5 for count in counts.values())


def test_every_beginning_can_be_judged():
    batch = Tomita(grammar=5, every_step=True, min_length=0).sample(200, torch.Generator())
    for word, target, mask in zip(words_of(batch), batch.target[..., 0].tolist(), batch.mask, strict=True):
        assert int(mask.sum()) == len(word) + 1
        assert target[: len(word) + 1] == [inside(5, word[:t]) for t in range(len(word) + 1)]


@pytest.mark.parametrize("grammar", TOMITA_STRINGS)
def test_tomitas_own_strings_can_be_drawn(grammar):
    task = Tomita(grammar=grammar, strings="tomita")
    batch = task.sample(2000, torch.Generator())
    listed = [word.replace("e", "") for side in TOMITA_STRINGS[grammar] for word in side.split()]
    assert set(words_of(batch)) == set(listed)
    positive = len(TOMITA_STRINGS[grammar][0].split())
    share = positive / len(listed)
    assert task.baselines()["constant"]["wrong_share"] == pytest.approx(min(share, 1 - share))


def test_the_scores_of_a_blind_guess_and_of_one_mistake():
    task = Tomita()
    batch = task.sample(10, torch.Generator())
    blind = task.scores(torch.zeros_like(batch.target), batch)
    assert blind["bits_per_verdict"].value == pytest.approx(1)
    y = task.oracle(batch)
    y[3] *= -1
    assert task.scores(y, batch)["wrong_share"].value == pytest.approx(0.1)


def test_the_references_are_what_constants_score():
    task = Tomita(grammar=7)
    batch = task.sample(20_000, torch.Generator().manual_seed(5))
    known = task.baselines()
    for answer in (1.0, -1.0):
        value = task.scores(torch.full_like(batch.target, answer), batch)["wrong_share"].value
        assert value == pytest.approx(known["constant"]["wrong_share"], abs=0.02)
    assert known["constant"] == {"wrong_share": 0.5, "bits_per_verdict": 1}
    assert known["optimal"] == {"wrong_share": 0, "bits_per_verdict": 0}


def test_the_reference_of_every_step_is_measured():
    task = Tomita(grammar=4, every_step=True)
    batch = task.sample(20_000, torch.Generator().manual_seed(6))
    share = float(batch.target[batch.mask].mean())
    assert task.baselines()["constant"]["wrong_share"] == pytest.approx(1 - share, abs=0.01)
    assert share > 0.6


def test_the_suite_is_longer_and_of_the_same_language():
    suite = Tomita(grammar=2, every_step=True).suite()
    assert list(suite) == ["length-16-to-30", "length-31-to-60", "length-61-to-120"]
    assert {task.grammar for task in suite.values()} == {2}
    assert all(task.every_step for task in suite.values())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_length": 9, "max_length": 3}, "min_length = 9 must not exceed max_length = 3"),
        (
            {"grammar": 2, "min_length": 3, "max_length": 3},
            "language 2 has no string inside of length 3 to 3",
        ),
        ({"grammar": 7, "max_length": 3}, "language 7 has no string outside of length 1 to 3"),
        ({"grammar": 3, "strings": "tomita"}, "strings = tomita supports the languages 1, 2, 4, not 3"),
        ({"grammar": 8}, "grammar"),
        ({"min_length": -1}, "min_length"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Tomita(**options)


@pytest.mark.parametrize("every_step", [False, True])
def test_many_models_are_scored_as_each_is_alone(every_step):
    task = Tomita(every_step=every_step)
    batch = task.sample(16, torch.Generator().manual_seed(0))
    y = torch.randn(5, *batch.mask.shape, 1)
    alone = [task.scores(own, batch)["wrong_share"].value for own in y]
    assert goal_scores(task, y, batch).tolist() == pytest.approx(alone)
