"""What the memory must do for all numbers: exact writes and reads, distributions, finite gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidOption, leaves
from recurra_ntm.memory import NTMMemory, NTMMemoryState
from recurra_ntm.squashing import squash

SURE = 200.0  # a raw value at which squashings saturate: σ(200) = 1, σ(-200) = 0, tanh(200) = 1, exactly


def raw(memory, **parts):
    """Raw head parameters (1, I), zero but for the named parts, each given as the numbers of all heads."""
    names = ("k", "beta", "g", "s", "gamma", "e", "a")
    values = [torch.zeros(1, size, dtype=torch.float64) for size in memory.sizes]
    for name, numbers in parts.items():
        values[names.index(name)] += torch.as_tensor(numbers, dtype=torch.float64).reshape(1, -1)
    return torch.cat(values, 1)


def one_hot(index, size):
    return torch.nn.functional.one_hot(torch.tensor([index]), size).double()


def state_at(memory, M, read_slots, write_slots):
    w_r, w_w = (torch.stack([one_hot(i, memory.slots) for i in at], 1) for at in (read_slots, write_slots))
    return NTMMemoryState(M, w_r, w_w)


def stay(memory, shift=0):
    """Raw shifts that keep all heads in place, or move all by `shift`."""
    most = (memory.sizes[3] // memory.heads) // 2
    return (one_hot(most - shift, 2 * most + 1) * 1e4).repeat(1, memory.heads)


def small(**options):
    memory = NTMMemory(**{"slots": 5, "width": 3, **options}).double()
    M = torch.randn(1, memory.slots, memory.width, dtype=torch.float64)
    return memory, M


def test_erasing_and_adding_nothing_leaves_the_memory_as_it_is():
    memory, M = small(write_heads=2)
    nothing = raw(memory, e=[-1e4] * 6, a=[0] * 6, s=stay(memory))
    _, after = memory.step(nothing, state_at(memory, M, [0], [1, 2]))
    assert torch.equal(after.M, M)


def test_what_a_sure_head_writes_is_read_exactly():
    memory, M = small()
    v = raw(memory, e=[SURE] * 3, a=[SURE, 0.0, -SURE], g=[-1e4, -1e4], s=stay(memory))
    r, after = memory.step(v, state_at(memory, M, [3], [3]))
    assert torch.equal(r, torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64))
    assert torch.equal(after.M[:, :3], M[:, :3])
    assert torch.equal(after.M[:, 4:], M[:, 4:])


def test_all_heads_erase_before_any_adds():
    # Both on slot 1 = (4, ...): 4 (1 - 1/2) (1 - 1/2) + tanh(SURE) + tanh(-SURE) = 1 in any order of heads.
    memory, _ = small(write_heads=2)
    M = torch.full((1, 5, 3), 4.0, dtype=torch.float64)
    v = raw(memory, e=[0] * 6, a=[SURE] * 3 + [-SURE] * 3, g=[-1e4] * 3, s=stay(memory))
    r, after = memory.step(v, state_at(memory, M, [1], [1, 1]))
    assert torch.equal(r, torch.ones(1, 3, dtype=torch.float64))
    assert torch.equal(after.M[:, 2:], M[:, 2:])


def test_every_head_has_its_own_parameters():
    memory, M = small(read_heads=2, write_heads=1, max_shift=2)
    s = torch.zeros(3, 5, dtype=torch.float64)
    s[0, 0] = s[1, 4] = s[2, 1] = 1e4  # two up, two down, one up
    v = raw(memory, g=[-1e4] * 3, s=s, e=[-1e4] * 3)
    r, after = memory.step(v, state_at(memory, M, [0, 0], [4]))
    assert after.w_r.argmax(-1).tolist() == [[2, 3]]
    assert after.w_w.argmax(-1).tolist() == [[0]]
    assert torch.equal(r, torch.cat([M[:, 2], M[:, 3]], 1))


@settings(deadline=None)
@given(shift=st.integers(-2, 2), at=st.integers(0, 6))
def test_a_sure_head_moves_exactly_and_around(shift, at):
    memory = NTMMemory(slots=7, width=2, max_shift=2).double()
    v = raw(memory, g=[-1e4, -1e4], s=stay(memory, shift))
    state = state_at(memory, torch.zeros(1, 7, 2, dtype=torch.float64), [at], [at])
    _, after = memory.step(v, state)
    assert torch.equal(after.w_r[:, 0], one_hot((at + shift) % 7, 7))
    assert torch.equal(after.w_w[:, 0], one_hot((at + shift) % 7, 7))


OTHERS = {
    "key": "identity",
    "strength": "relu",
    "gate": "hard",
    "sharpening": "relu",
    "erase": "hard",
    "add": "identity",
}
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("squashed", [{}, OTHERS], ids=["default", "others"])
@settings(deadline=None)
@given(seed=st.integers(0, 2**32), sizes=st.sampled_from([(0.0, 1e20), (30.0, 1e20), (1e6, 1e4), (1e6, 0.0)]))
def test_extreme_parameters_and_memories_give_distributions_and_finite_gradients(
    dtype, squashed, seed, sizes
):
    rng = torch.Generator().manual_seed(seed)
    memory = NTMMemory(slots=9, width=4, read_heads=2, write_heads=2, **squashed).to(dtype)
    v = (torch.randn(2, memory.input_size, generator=rng) * sizes[0]).to(dtype).requires_grad_()
    M = (torch.randn(2, 9, 4, generator=rng) * sizes[1]).to(dtype).requires_grad_()
    state = memory.initial_state(2)._replace(M=M)
    for _ in range(2):
        r, state = memory.step(v, state)
        for w in (state.w_r, state.w_w):
            assert (w >= 0).all()
            total = w.sum(-1, dtype=torch.float64)
            torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=DTYPES[dtype])
    assert r.isfinite().all()
    r.sum().backward()
    assert v.grad.isfinite().all()
    assert M.grad.isfinite().all()


def test_nothing_leaks_from_one_sequence_into_the_next():
    memory, _ = small()
    v = torch.randn(2, 6, memory.input_size, dtype=torch.float64)
    alone, _ = memory(v[1:])
    memory(v[:1])
    assert torch.equal(memory(v[1:])[0], alone)
    torch.testing.assert_close(memory(v)[0][1:], alone, rtol=0, atol=1e-13)


def test_the_start_is_constant_or_learned():
    memory = NTMMemory(slots=4, width=2)
    assert [name for name, _ in memory.named_parameters()] == ["r_0"]
    state = memory.initial_state(3)
    assert torch.equal(state.M, torch.full((3, 4, 2), 1e-6))
    assert torch.equal(state.w_r, torch.tensor([1.0, 0, 0, 0]).expand(3, 1, 4))
    assert not list(NTMMemory(slots=4, initial_read="constant").parameters())
    learned = NTMMemory(slots=4, width=2, initial_memory="learned", initial_weighting="learned")
    assert {name: tuple(p.shape) for name, p in learned.named_parameters()} == {
        "r_0": (2,),
        "M_0": (4, 2),
        "w_0": (2, 4),
    }
    w = learned.initial_state(3).w_w
    torch.testing.assert_close(w.sum(-1), torch.ones(3, 1))
    assert (w[..., 0] > 0.999).all()


def test_the_state_is_named_and_batch_first():
    shapes = {name: tuple(t.shape) for name, t in leaves(NTMMemory(slots=6, read_heads=2).initial_state(3))}
    assert shapes == {"state.M": (3, 6, 20), "state.w_r": (3, 2, 6), "state.w_w": (3, 1, 6)}


def test_views_are_the_weightings_by_head():
    memory = NTMMemory(slots=6, read_heads=2, write_heads=1)
    state = memory.initial_state(3)
    views = memory.diagnostics(state)
    assert list(views) == ["read weighting 1", "read weighting 2", "write weighting 1"]
    assert torch.equal(views["read weighting 2"], state.w_r[:, 1])


@pytest.mark.parametrize("option", ["slots", "width", "read_heads", "write_heads"])
def test_sizes_must_be_positive(option):
    with pytest.raises(InvalidOption, match=f"NTMMemory: {option} = 0: .*greater than 0"):
        NTMMemory(**{option: 0})


def test_every_head_starts_with_a_strong_key_and_no_other_bias():
    memory, _ = small(read_heads=2)
    interface = torch.nn.Linear(7, memory.input_size).double()
    memory.init_interface(interface)
    k, beta, *others = interface.bias.split(memory.sizes)
    assert torch.nn.functional.softplus(beta).tolist() == pytest.approx([4.0, 4.0, 4.0])
    assert not torch.cat([k, *others]).any()


@pytest.mark.parametrize("strength", ["softplus", "relu"])
def test_keys_are_as_strong_whatever_they_pass_through(strength):
    memory, _ = small(strength=strength)
    interface = torch.nn.Linear(7, memory.input_size)
    memory.init_interface(interface)
    beta = squash(strength, interface.bias.split(memory.sizes)[1])
    assert beta.tolist() == pytest.approx([4.0, 4.0])


def test_other_squashings_are_what_they_say():
    # One slot and one head of each kind, so that w = 1: M = M (1 - e) + a and r = M.
    memory = NTMMemory(slots=1, width=3, erase="hard", add="identity").double()
    M = torch.full((1, 1, 3), 8.0, dtype=torch.float64)
    v = raw(memory, e=[-3.0, 0.0, 1.5], a=[5.0, -2.0, 0.0])
    r, _ = memory.step(v, state_at(memory, M, [0], [0]))
    assert r.tolist() == [[8 + 5, 8 / 2 - 2, 8 * (1 - 0.75)]]


def test_a_hard_gate_ignores_content_exactly():
    memory, M = small(gate="hard")
    _, after = memory.step(raw(memory, g=[-3.0, -3.0], s=stay(memory)), state_at(memory, M, [2], [4]))
    assert torch.equal(after.w_r[:, 0], one_hot(2, 5))
    assert torch.equal(after.w_w[:, 0], one_hot(4, 5))


def test_strength_and_sharpening_of_relu_can_be_off():
    # beta = 0: content weighs all slots alike; gamma = 1: no sharpening. g = 1 takes content alone.
    memory, M = small(strength="relu", sharpening="relu", gate="hard", key="logistic")
    v = raw(memory, beta=[-1.0, 0.0], g=[3.0, 3.0], gamma=[-2.0, -2.0])
    _, after = memory.step(v, state_at(memory, M, [2], [4]))
    torch.testing.assert_close(after.w_r, torch.full((1, 1, 5), 0.2, dtype=torch.float64))
