"""Storing and retrieving: by hand, exact for orthonormal vectors, with the expected noise for random ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidInput
from recurra_tensor_product.facts import retrieve, store


def row(*numbers):
    return torch.tensor([numbers], dtype=torch.float64)


def orthonormal(batch_size, count, size, rng):
    """Return `count` orthonormal vectors for each row of a batch: (count, B, size)."""
    square = torch.randn(batch_size, size, size, generator=rng, dtype=torch.float64)
    return torch.linalg.qr(square).Q.mT[:, :count].transpose(0, 1)


def unit(*shape, rng):
    v = torch.randn(*shape, generator=rng, dtype=torch.float64)
    return v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)


def asking_for(role, fact):
    return [None if j == role else v for j, v in enumerate(fact)]


def stored(facts):
    T = torch.zeros(facts[0][0].shape[0], *(v.shape[1] for v in facts[0]), dtype=torch.float64)
    for fact in facts:
        T = store(T, fact)
    return T


def test_two_facts_by_hand():
    """For cues (1, 2) and (3, -1) the first fact counts 5 * 10 times, the second 2 * 2 times."""
    first = [row(1.0, 2.0), row(3.0, -1.0), row(2.0, 0.0, 1.0)]
    second = [row(0.0, 1.0), row(1.0, 1.0), row(1.0, 1.0, 1.0)]
    T = store(torch.zeros(1, 2, 2, 3, dtype=torch.float64), first)
    assert T[0].tolist() == [[[6.0, 0.0, 3.0], [-2.0, 0.0, -1.0]], [[12.0, 0.0, 6.0], [-4.0, 0.0, -2.0]]]
    T = store(T, second)
    assert T[0, 1].tolist() == [[13.0, 1.0, 7.0], [-3.0, 1.0, -1.0]]
    assert retrieve(T, [*first[:2], None]).tolist() == [[104.0, 4.0, 54.0]]
    # The last vectors have inner products 5 and 3, the first ones 5 and 2, the middle ones 10 and 2.
    assert retrieve(T, [first[0], None, first[2]]).tolist() == [[25 * 3.0 + 6, 25 * -1.0 + 6]]
    assert retrieve(T, [None, *first[1:]]).tolist() == [[50 * 1.0, 50 * 2.0 + 6]]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    batch_size=st.integers(1, 3),
    data=st.data(),
)
def test_any_role_of_facts_with_orthonormal_vectors_is_retrieved_exactly(seed, sizes, batch_size, data):
    """Up to as many facts as the smallest role is large, each row of the batch with facts of its own."""
    count = data.draw(st.integers(1, min(sizes) if len(sizes) > 1 else 1))
    rng = torch.Generator().manual_seed(seed)
    roles = [orthonormal(batch_size, count, size, rng) for size in sizes]
    facts = list(zip(*roles, strict=True))
    T = stored(facts)
    for fact in facts:
        for role, v in enumerate(fact):
            got = retrieve(T, asking_for(role, fact))
            torch.testing.assert_close(got, v, rtol=0, atol=1e-12)
            torch.testing.assert_close(torch.cosine_similarity(got, v), torch.ones(batch_size).double())


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_facts_that_fit_the_same_cues_are_retrieved_as_their_sum(seed, data):
    """Relations of orthonormal symbols, any of which may stand in many facts, against looking them up."""
    codes = orthonormal(1, 4, 4, torch.Generator().manual_seed(seed))
    symbols = st.integers(0, 3)
    facts = data.draw(st.lists(st.tuples(symbols, symbols, symbols), min_size=1, max_size=12))
    T = stored([[codes[s] for s in fact] for fact in facts])
    for role in range(3):
        asked = data.draw(st.tuples(symbols, symbols, symbols))
        fit = [f[role] for f in facts if all(f[j] == asked[j] for j in range(3) if j != role)]
        expected = sum((codes[s] for s in fit), torch.zeros(1, 4, dtype=torch.float64))
        got = retrieve(T, asking_for(role, [codes[s] for s in asked]))
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("facts", "sizes"), [(2, (8, 8)), (9, (16, 16)), (33, (16, 4)), (9, (4, 6, 5))])
def test_noise_of_random_unit_vectors(facts, sizes):
    """The mean squared noise over 20,000 memories is (m - 1) / D within 6 %, D the size of all cues."""
    rng = torch.Generator().manual_seed(0)
    drawn = [[unit(20_000, size, rng=rng) for size in sizes] for _ in range(facts)]
    noise = retrieve(stored(drawn), [*drawn[0][:-1], None]) - drawn[0][-1]
    cues = torch.tensor(sizes[:-1]).prod()
    torch.testing.assert_close(noise.square().sum(-1).mean(), (facts - 1) / cues.double(), rtol=0.06, atol=0)


def test_nothing_is_changed_in_place_and_both_are_differentiable():
    T, *fact = (torch.randn(2, *s, dtype=torch.float64) for s in [(2, 3, 2), (2,), (3,), (2,)])
    before = [t.clone() for t in (T, *fact)]
    after = store(T, fact)
    retrieve(after, [None, *fact[1:]])
    assert all(torch.equal(a, b) for a, b in zip(before, (T, *fact), strict=True))
    leaves = [t.requires_grad_() for t in (T, *fact)]
    assert torch.autograd.gradcheck(
        lambda T, *fact: retrieve(store(T, fact), [fact[0], None, fact[2]]), leaves
    )


T_3, V = torch.zeros(2, 3, 4, 5), [torch.zeros(2, d) for d in (3, 4, 5)]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: store(T_3, V[:2]), "store: a memory of rank 3 takes as many vectors, got 2"),
        (lambda: store(T_3, [V[0], V[1], V[0]]), r"store: vector 3 must be a tensor \(2, 5\), got \(2, 3\)"),
        (lambda: store(T_3, [V[0], None, V[2]]), r"store: vector 2 must be a tensor \(2, 4\), got NoneType"),
        (lambda: store(T_3, [V[0][:1], *V[1:]]), r"store: vector 1 must be .* \(2, 3\), got \(1, 3\)"),
        (
            lambda: store(T_3, [V[0].double(), *V[1:]]),
            "vector 1 must be torch.float32 on cpu, got torch.float64",
        ),
        (lambda: store(T_3[0, 0, 0], V[:1]), r"store: the memory must be .* got \(5,\)"),
        (lambda: retrieve([[1.0]], [None]), "retrieve: the memory must be .* got list"),
        (lambda: retrieve(T_3, V), "retrieve: exactly one cue must be None, the one to retrieve, got 0"),
        (lambda: retrieve(T_3, [None, V[1], None]), "retrieve: exactly one cue must be None, .* got 2"),
        (lambda: retrieve(T_3, [None, V[1]]), "retrieve: a memory of rank 3 takes as many vectors, got 2"),
        (lambda: retrieve(T_3, [None, V[1], V[2][:, :1]]), r"vector 3 must be .* \(2, 5\), got \(2, 1\)"),
        (lambda: retrieve(T_3, [None, V[1][0], V[2]]), r"vector 2 must be a tensor \(2, 4\), got \(4,\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(InvalidInput, match=told):
        call()
