"""The embedded Reber grammar against a parser in plain Python, and its known counts."""

import pytest
import torch

from recurra import InvalidOption
from recurra_long_lag.embedded_reber_task import EmbeddedReber
from recurra_long_lag.grammar import SYMBOLS, draw

INNER = {0: "T1 P2", 1: "S1 X3", 2: "T2 V4", 3: "X2 S5", 4: "P3 V5", 5: "E"}


def sets_of(text):
    """What may come next after each symbol of a string but its last."""
    outer, place, sets = text[1], 0, [{"T", "P"}, {"B"}]
    assert text[0] == text[2] == "B"
    assert text[-3:] == "E" + outer + "E"
    for symbol in text[3:-2]:
        branches = {word[0]: int(word[1:] or 6) for word in INNER[place].split()}
        sets.append(set(branches))
        place = branches[symbol]
    assert place == 6
    return [*sets, {outer}, {"E"}]


def texts(batch):
    """The strings of a batch, each with the E that it ends with and that is not shown."""
    rows = zip(batch.x.argmax(-1).tolist(), batch.lengths.tolist(), strict=True)
    return ["".join(SYMBOLS[s] for s in row[:steps]) + "E" for row, steps in rows]


def shown(task, split, batch_size=256, k=0, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


@pytest.mark.parametrize("split", ["train", "test"])
def test_strings_legal_sets_and_next_symbols_follow_the_grammar(split):
    batch = shown(EmbeddedReber(), split)
    for row, text in enumerate(texts(batch)):
        steps = len(text) - 1
        symbols, legal = batch.target[row, :steps].split(7, -1)
        assert [{SYMBOLS[i] for i in line.nonzero()[:, 0].tolist()} for line in legal] == sets_of(text)
        assert "".join(SYMBOLS[s] for s in symbols.argmax(-1).tolist()) == text[1:]
        assert (symbols.sum(-1) == 1).all()
        assert batch.mask[row].tolist() == [t < steps for t in range(batch.mask.shape[1])]
        assert not batch.x[row, steps:].any()
        assert not batch.target[row, steps:].any()


def test_the_lengths_are_those_that_were_computed():
    lengths = draw(20_000, torch.Generator().manual_seed(0)).lengths
    assert lengths.double().mean().item() == pytest.approx(11.99, abs=0.1)
    assert lengths.min() == 9
    assert (lengths <= 24).double().mean() == pytest.approx(0.99, abs=0.005)  # the inner string is 4 shorter


def test_every_branch_is_taken_half_of_the_time():
    strings = draw(20_000, torch.Generator().manual_seed(0))
    for place in (1, 3):  # T or P
        assert (strings.symbols[:, place] == 1).double().mean() == pytest.approx(0.5, abs=0.02)
    assert (strings.symbols[:, 4][strings.symbols[:, 3] == 1] == 3).double().mean() == pytest.approx(
        0.5, abs=0.02
    )


def test_there_are_256_training_strings_and_256_others():
    task = EmbeddedReber()
    training = {text for k in range(20) for text in texts(shown(task, "train", k=k))}
    both = texts(shown(task, "validation", batch_size=512))
    test = texts(shown(EmbeddedReber(held_out="test"), "test"))
    again = texts(shown(EmbeddedReber(held_out="training"), "test"))
    assert set(again) == training
    assert sorted(both) == sorted(test + again)
    assert not training & set(test)
    assert len(test) == len(again) == 256


def test_held_out_strings_come_once_in_an_order_of_the_seed_and_the_split():
    task = EmbeddedReber(strings=30)
    order = [text for k in range(6) for text in texts(shown(task, "test", batch_size=10, k=k))]
    assert sorted(order) == sorted(texts(shown(task, "test", batch_size=60)))
    assert order[:10] == texts(shown(task, "test", batch_size=10, k=6))
    assert order[:10] != texts(shown(task, "test", batch_size=10, seed=1))
    assert order[:10] != texts(shown(task, "validation", batch_size=10))


def test_data_sets_differ():
    sets = [set(texts(shown(EmbeddedReber(data_set=n, held_out="test"), "test"))) for n in range(3)]
    assert sets[0] != sets[1] != sets[2] != sets[0]


def test_a_string_is_right_when_its_legal_symbols_are_above_all_others():
    task = EmbeddedReber()
    batch = shown(task, "train", batch_size=2)
    legal = batch.target[..., 7:]
    assert task.scores(legal * 1e-3, batch)["wrong_share"].value == 0
    for step, symbol in ((0, "T"), (0, "P"), (0, "S")):
        y = legal.clone()
        y[1, step, SYMBOLS.index(symbol)] = 0.5 if symbol == "S" else -1.0
        told = task.scores(y, batch)["wrong_share"].value
        assert told == (0.0 if symbol == "S" else 0.5)
    tied = legal.clone()
    tied[0, 3] = 0.0
    assert task.scores(tied, batch)["wrong_share"].value == 0.5


def test_forgetting_the_start_costs_the_second_t_or_p():
    task = EmbeddedReber(held_out="test")
    batch = shown(task, "test")
    y = task.oracle(batch)
    ends = torch.tensor([len(text) - 3 for text in texts(batch)])  # where the inner E is seen
    y[torch.arange(256), ends] = torch.tensor([0.0, 2, 1, 0, 0, 0, 0])  # T, whatever came
    share = sum(text[1] == "P" for text in texts(batch)) / 256
    scores = task.scores(y, batch)
    assert scores["outer_errors"].value == scores["wrong_share"].value == share
    assert scores["outer_errors"].weight == 256


def test_the_references_are_the_frequencies_and_the_grammar():
    task = EmbeddedReber()
    batch = shown(task, "test", batch_size=512)
    references = task.baselines()
    optimal, constant = references["optimal"], references["constant"]
    # Half a squared error at each step with two legal symbols, over 7 outputs.
    choices = (batch.target[..., 7:].sum(-1) == 2)[batch.mask].double().mean().item()
    assert optimal == {"wrong_share": 0, "outer_errors": 0, "squared_error": pytest.approx(choices / 14)}
    share = batch.target[batch.mask][:, :7].mean(0)
    assert constant["squared_error"] == pytest.approx(float((share * (1 - share)).mean()))
    assert constant["wrong_share"] == 1
    assert SYMBOLS[share.argmax()] == "T"  # and so it is expected wherever P returns
    assert constant["outer_errors"] == sum(text[1] == "P" for text in texts(batch)) / 512


def test_the_loss_is_learned_on_the_next_symbol():
    for loss, nothing in (("squared", 0.25), ("cross-entropy", 0.6931)):
        task = EmbeddedReber(loss=loss)
        batch = shown(task, "train")
        assert task.loss(torch.zeros_like(batch.x), batch).item() == pytest.approx(nothing, abs=1e-4)
        sure = 100 * (batch.target[..., :7] - 0.5)
        assert task.loss(sure, batch).item() == pytest.approx(0, abs=1e-6)


def test_the_suite_is_the_two_sets():
    suite = EmbeddedReber(strings=10, data_set=4, loss="cross-entropy").suite()
    assert list(suite) == ["training-strings", "test-strings"]
    for name, task in suite.items():
        assert task.options == {
            "strings": 10,
            "data_set": 4,
            "held_out": name.split("-")[0],
            "loss": "cross-entropy",
        }


@pytest.mark.parametrize(
    "options", [{"strings": 0}, {"strings": 1001}, {"data_set": -1}, {"held_out": "all"}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        EmbeddedReber(**options)
