"""Facts: what they are, that each is shown once, and how noisy a memory of random codes is."""

import pytest
import torch

from recurra import InvalidOption
from recurra_facts.facts_task import Facts, expected_noise


def everything(task, split="train"):
    return task.batch(0, batch_size=len(task.known), seed=0, split=split)


def test_a_batch_of_all_facts_shows_each_once_in_every_split():
    task = Facts(facts=20)
    rows = [
        {tuple(row.round(decimals=4).tolist()) for row in torch.cat([batch.x, batch.target], -1)[:, 0]}
        for batch in (everything(task, split) for split in ("train", "validation", "test"))
    ]
    assert len(rows[0]) == 20
    assert rows[0] == rows[1] == rows[2]


def test_every_question_has_one_answer():
    cues = {tuple(fact[:-1].tolist()) for fact in Facts(facts=100, symbols=10, size=10).known}
    assert len(cues) == 100


@pytest.mark.parametrize(("codes", "symbols"), [("orthonormal", 16), ("random", 40)])
def test_codes_have_length_one_and_are_orthonormal_where_they_say_so(codes, symbols):
    task = Facts(codes=codes, symbols=symbols, roles=4)
    assert task.codes.shape == (4, symbols, 16)
    products = task.codes @ task.codes.mT
    torch.testing.assert_close(products.diagonal(dim1=1, dim2=2), torch.ones(4, symbols))
    between = (products - torch.eye(symbols)).abs().max()
    assert between < 1e-6 if codes == "orthonormal" else between > 0.3


def test_x_and_target_are_the_codes_of_a_fact():
    task = Facts(facts=3, roles=3, size=4, symbols=4)
    batch = task.gather("train", torch.tensor([2]))
    first, second, answer = task.known[2].tolist()
    expected = torch.cat([task.codes[0, first], task.codes[1, second]])
    assert torch.equal(batch.x[0, 0], expected)
    assert torch.equal(batch.target[0, 0], task.codes[2, answer])


def test_another_world_has_other_facts():
    one, same, other = Facts(), Facts(), Facts(world=1)
    assert torch.equal(one.codes, same.codes)
    assert torch.equal(one.known, same.known)
    assert not torch.equal(one.known, other.known)


def test_an_answer_is_right_when_its_symbol_is_nearest():
    task = Facts(facts=2, size=4, symbols=4)
    batch = everything(task)
    known, right = task.codes[-1], task.oracle(batch)
    other = known[(right[:, 0] @ known.T).argmax(-1).add(1) % 4][:, None]
    near, wrong = task.scores(3 * right + other, batch), task.scores(right + 3 * other, batch)
    assert (near["wrong_share"].value, wrong["wrong_share"].value) == (0, 1)
    assert near["cosine"].value == pytest.approx(3 / 10**0.5)


def outer(vectors):
    product = vectors[0]
    for v in vectors[1:]:
        product = torch.einsum("b...,bi->b...i", product, v)
    return product


def recalled(task):
    """A second memory: the sum of the outer products of all facts, asked for each of them."""
    roles = [task.codes[role][task.known[:, role]].double() for role in range(task.roles)]
    T = outer(roles).sum(0)
    return torch.einsum("b...,...j->bj", outer(roles[:-1]).flatten(1), T.flatten(0, -2)), roles[-1]


def test_orthonormal_facts_are_recalled_exactly():
    answers, right = recalled(Facts(facts=200))
    torch.testing.assert_close(answers, right, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_random_facts_are_recalled_with_the_noise_that_is_told():
    # Many symbols, so that facts share none and answers are independent.
    lengths = []
    for world in range(20):
        answers, right = recalled(
            Facts(facts=40, codes="random", symbols=4000, roles=3, size=12, world=world)
        )
        lengths.append((answers - right).square().sum(1).mean())
    found = float(torch.stack(lengths).mean().sqrt())
    assert found == pytest.approx(expected_noise(40, 3, 12), rel=0.05)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"symbols": 17}, "symbols = 17 orthonormal vectors do not fit into size = 16; choose codes=random"),
        ({"facts": 257}, "there are 256 questions with these symbols, for facts = 257"),
        ({"roles": 1}, "roles"),
    ],
)
def test_facts_that_cannot_be_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        Facts(**options)
