"""What every task must do. `make()` makes a small one; the checks run in the order of this file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from recurra.capabilities.environment import Environment
from recurra.checks import INTEGER_DTYPES
from recurra.config.options import plain
from recurra.task import Batch, Goal, Score, Task
from recurra_contract.fingerprints import content, fingerprint, fingerprints
from recurra_contract.kit import CheckFailed, Make, Skip
from recurra_contract.subprocess_worker import batch_in_another_process
from recurra_contract.task_probes import (
    SEED,
    SIZE,
    answered,
    blind_scores,
    close,
    draw,
    expect,
    expect_same,
    generator_states,
    inside,
    same_bytes,
    with_suite,
)
from recurra_lab.training.batches import Batches


def check_options_round_trip(make: Make) -> None:
    """The options of a task, written to JSON and read back, make a task with the same options and data."""
    task = make()
    try:
        again = type(task)(**json.loads(json.dumps(plain(task.options))))
    except Exception as error:
        raise CheckFailed(f"options that were written as JSON are refused when read back: {error}") from error
    expect(again.options == task.options, f"{task.options} came back as {again.options}")
    expect_same(draw(task), draw(again), "a task made from the same options")


def check_sizes_are_declared(make: Make) -> None:
    """`input_size` and `output_size` are positive whole numbers, and `gives` is a structure that is known.

    These are vectors, trees, tokens, token-trees and graphs.
    """
    task = make()
    for name in ("input_size", "output_size"):
        size = getattr(task, name, None)
        expect(isinstance(size, int) and size > 0, f"{name} must be a positive whole number, got {size!r}")
    known = ("vectors", "trees", "tokens", "token-trees", "graphs")
    expect(task.gives in known, f"gives must be a known structure, got {task.gives!r}")
    expect(isinstance(task.version, int), f"version must be a whole number, got {task.version!r}")


def check_batch_has_declared_shapes(make: Make) -> None:
    """A batch is x (B, T, input_size) or tokens (B, T), target (B, T, ...), mask (B, T), lengths (B,).

    Vectors are finite floating-point numbers, tokens whole numbers from 0 to input_size - 1, the mask is
    boolean, lengths lie between 1 and T, and all tensors are on the CPU. Trees of tokens are (B, T, 2). The
    last channel of a tree holds whole numbers, and no node takes more children than wait for a parent.
    """
    task = make()
    batch = draw(task)
    steps = batch.x.shape[1]
    width = {"tokens": (), "token-trees": (2,)}.get(task.gives, (task.input_size,))
    wanted = (SIZE, steps, *width)
    expect(batch.x.shape == wanted, f"x must be {wanted}, got {tuple(batch.x.shape)}")
    expect(batch.target.shape[:2] == (SIZE, steps), f"target must start with {(SIZE, steps)}")
    expect(batch.mask.shape == (SIZE, steps), f"mask must be {(SIZE, steps)}, got {tuple(batch.mask.shape)}")
    expect(batch.mask.dtype == torch.bool, f"mask must be boolean, got {batch.mask.dtype}")
    expect(batch.lengths.shape == (SIZE,), f"lengths must be ({SIZE},), got {tuple(batch.lengths.shape)}")
    expect(batch.lengths.dtype in INTEGER_DTYPES, f"lengths must be whole numbers, got {batch.lengths.dtype}")
    span = (int(batch.lengths.min()), int(batch.lengths.max()))
    expect(1 <= span[0] <= span[1] <= steps, f"lengths must lie between 1 and T = {steps}, got {span}")
    expect(all(part.device.type == "cpu" for part in batch), "a batch must be drawn on the CPU")
    _expect_values(task, batch.x)
    if task.gives.endswith("trees"):
        _expect_trees(batch)


def _expect_trees(batch: Batch) -> None:
    arity = torch.where(inside(batch), batch.x[..., -1], 0).double()
    expect(bool((arity == arity.round()).all()), "the arities of a tree must be whole numbers")
    expect(bool((arity >= 0).all()), "the arities of a tree must not be below 0")
    # After each node, that node at least is waiting; a step that leaves none has taken more than there were.
    waiting = (1 - arity).cumsum(1)
    expect(bool((waiting >= 1).all()), "a node of a tree takes more children than wait for a parent")


def _expect_values(task: Task, x: Tensor) -> None:
    if task.gives.startswith("token"):
        expect(x.dtype in (torch.int64, torch.int32), f"tokens must be torch.int64 or int32, got {x.dtype}")
        tokens = x[..., 0] if task.gives == "token-trees" else x
        span = (int(tokens.min()), int(tokens.max()))
        expect(
            0 <= span[0] <= span[1] < task.input_size, f"tokens must be below {task.input_size}, got {span}"
        )
    else:
        expect(x.dtype == torch.get_default_dtype(), f"x must be {torch.get_default_dtype()}, got {x.dtype}")
        expect(bool(torch.isfinite(x).all()), "x must be finite")


def check_batch_size_is_honoured(make: Make) -> None:
    """A batch has as many rows as were asked for, also one."""
    task = make()
    for size in (1, 2, 5):
        rows = [part.shape[0] for part in draw(task, batch_size=size)]
        expect(rows == [size] * 4, f"{size} rows were asked for, but x, target, mask, lengths have {rows}")


def check_mask_lies_within_lengths(make: Make) -> None:
    """Every row has a scored step, and none is scored past the row's length, in the task and its suite."""
    for name, task in with_suite(make()):
        batch = draw(task)
        outside = ~inside(batch) & batch.mask
        expect(not bool(outside.any()), f"{name}: the mask scores steps past the length of their row")
        expect(bool(batch.mask.any(1).all()), f"{name}: the mask of a row is empty, so nothing is scored")


def check_batch_is_a_function_of_its_number(make: Make) -> None:
    """Batch k has the same bytes whatever was drawn before it, in any instance of the task."""
    first, second = make(), make()
    forth = [draw(first, k) for k in range(3)]
    torch.rand(1)
    back = [draw(second, k) for k in reversed(range(3))]
    for k, (one, other) in enumerate(zip(forth, reversed(back), strict=True)):
        expect_same(one, other, f"batch {k}, drawn in another order")


def check_batch_is_the_same_in_another_process(make: Make) -> None:
    """Batch k has the same bytes in another process, where Python hashes words in another way."""
    task = make()
    there = batch_in_another_process(task, batch_size=SIZE, seed=SEED)
    here = [content(part).hex() for part in draw(task)]
    expect(here == there, "another process draws other data for the same batch")


def check_batches_differ(make: Make) -> None:
    """Another number, another seed and another split each give another batch."""
    task = make()
    base = draw(task)
    others = {
        "k": draw(task, 1),
        "the seed": draw(task, seed=SEED + 1),
        **{f"the split '{split}'": draw(task, split=split) for split in ("validation", "test")},
    }
    for what, other in others.items():
        expect(not same_bytes(base, other), f"{what} does not matter: it gives the very same batch")
    held_out = [draw(task, split=split) for split in ("validation", "test")]
    expect(not same_bytes(*held_out), "validation and test are the very same batch")


def check_all_randomness_comes_from_rng(make: Make) -> None:
    """`sample` gives the same for the same state of `rng`, and something else for another state."""
    task = make()
    one, same, other = (task.sample(SIZE, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    expect_same(one, same, "a second sample from the same state of rng")
    expect(
        not same_bytes(one, other), "sample takes no randomness from rng: another state gives the same batch"
    )


def check_global_generators_are_left_alone(make: Make) -> None:
    """Drawing a batch moves no global generator: not torch's, not Python's, not NumPy's."""
    task = make()
    before = generator_states()
    draw(task)
    for name, state in generator_states().items():
        expect(state == before[name], f"sample draws from the global generator of {name}; it must use rng")


def check_ranks_share_a_batch(make: Make) -> None:
    """The rows of all ranks, put together, are the rows of one process: none twice, none missing."""
    task = make()
    whole = draw(task)
    shares = [Batches(task, SIZE, SEED, "train", rank, 2)[0] for rank in range(2)]
    for share in shares:
        rows = [part.shape[0] for part in share]
        expect(rows == [SIZE // 2] * 4, f"one of two ranks reads {rows} rows of x, target, mask, lengths")
    joined = Batch(*(torch.cat(parts) for parts in zip(*shares, strict=True)))
    expect_same(whole, joined, "what two ranks read together")


def check_loss_is_differentiable(make: Make) -> None:
    """The loss is one finite number, with a finite gradient by the outputs that is not zero."""
    task = make()
    batch, y = answered(task)
    loss = task.loss(y.requires_grad_(), batch)
    expect(loss.shape == (), f"the loss must be one number, got shape {tuple(loss.shape)}")
    expect(bool(torch.isfinite(loss)), f"the loss must be finite, got {loss.item()}")
    expect(loss.requires_grad, "the loss cannot be differentiated by the outputs")
    (gradient,) = torch.autograd.grad(loss, y)
    expect(bool(torch.isfinite(gradient).all()), "the gradient of the loss must be finite")
    expect(bool(gradient.any()), "the gradient of the loss is zero everywhere")


def check_loss_and_scores_change_nothing(make: Make) -> None:
    """`loss`, `scores` and `predict` change neither the outputs nor the batch that they are given."""
    task = make()
    batch, y = answered(task)
    before, y_before = Batch(*(part.clone() for part in batch)), y.clone()
    for what in ("loss", "scores", "predict"):
        getattr(task, what)(*((y,) if what == "predict" else (y, batch)))
        expect(torch.equal(y, y_before), f"{what} changes the outputs in place")
        expect(same_bytes(before, batch), f"{what} changes the batch in place")


def check_only_the_mask_counts(make: Make) -> None:
    """Outputs at steps that are not scored change neither the loss nor a score."""
    task = make()
    batch, y = answered(task)
    outside = ~batch.mask[..., None]
    if not bool(outside.any()):
        raise Skip("every step of a batch is scored")
    other = torch.where(outside, y.neg() + 1000, y)
    pair = task.loss(y, batch).item(), task.loss(other, batch).item()
    expect(math.isclose(*pair, rel_tol=1e-5), f"outputs outside the mask change the loss: {pair}")
    one, two = task.scores(y, batch), task.scores(other, batch)
    for name in one:
        told = f"outputs outside the mask change the score {name}: {one[name]}, {two[name]}"
        expect(close(one[name], two[name]), told)


def check_scores_are_sums_and_weights(make: Make) -> None:
    """`scores` returns name -> `Score`, with a finite total and a positive weight, both plain numbers."""
    for name, score in blind_scores(make()).items():
        expect(isinstance(score, Score), f"{name} must be a Score, got {type(score).__name__}")
        for part in score:
            expect(
                isinstance(part, int | float), f"{name} must hold plain numbers, got {type(part).__name__}"
            )
        expect(math.isfinite(score.total), f"{name} must be finite, got {score.total}")
        expect(score.weight > 0, f"{name} must have a positive weight, got {score.weight}")


def check_scores_add(make: Make) -> None:
    """The scores of single rows add up to those of the batch, so that ranks and batches can be summed."""
    task = make()
    batch, y = answered(task)
    total: dict[str, Score] = {}
    for row in range(SIZE):
        for name, score in task.scores(y[row : row + 1], batch.rows(row, SIZE)).items():
            total[name] = total.get(name, Score(0, 0)) + score
    for name, whole in task.scores(y, batch).items():
        told = f"{name} is {whole} for a batch, but its rows give {total.get(name)}"
        expect(name in total and close(whole, total[name]), told)


def check_goal_is_a_score(make: Make) -> None:
    """`goal` is a `Goal` on one of the scores, either below or above a value."""
    task = make()
    goal = getattr(task, "goal", None)
    if not isinstance(goal, Goal):
        raise CheckFailed(f"goal must be a Goal, got {goal!r}")
    names = list(blind_scores(task))
    expect(goal.score in names, f"the goal is on '{goal.score}', but the scores are {', '.join(names)}")
    expect((goal.below is None) != (goal.above is None), "the goal must be either below or above a value")


def check_references_are_scores(make: Make) -> None:
    """`baselines` gives finite numbers for scores that `scores` has; nothing is better than `optimal`."""
    for name, task in with_suite(make()):
        known, baselines = set(blind_scores(task)), task.baselines()
        for predictor, values in baselines.items():
            foreign = sorted(set(values) - known)
            told = f"{name}: the reference '{predictor}' has {foreign}, but the scores are {sorted(known)}"
            expect(not foreign, told)
            for score, value in values.items():
                told = f"{name}: the reference '{predictor}' has {score} = {value!r}, not a finite number"
                expect(isinstance(value, int | float) and math.isfinite(value), told)
        _expect_optimal(name, task.goal, baselines)


def _expect_optimal(name: str, goal: Goal, baselines: Mapping[str, Mapping[str, float]]) -> None:
    known = {predictor: values[goal.score] for predictor, values in baselines.items() if goal.score in values}
    for predictor, value in known.items():
        better = "optimal" in known and goal.better(value, known["optimal"])
        told = (
            f"{name}: '{predictor}' has {goal.score} = {value}, better than 'optimal', {known.get('optimal')}"
        )
        expect(not better, told)


def check_predict_keeps_steps(make: Make) -> None:
    """`predict` turns outputs (B, T, O) into finite numbers (B, T, ...)."""
    task = make()
    batch, y = answered(task)
    claimed = task.predict(y)
    told = f"predict must keep the {tuple(batch.mask.shape)} steps, got {tuple(claimed.shape)}"
    expect(claimed.shape[:2] == batch.mask.shape, told)
    expect(bool(torch.isfinite(claimed).all()), "predict must give finite numbers")


def check_suite_fits_the_model(make: Make) -> None:
    """The suite has at least one variant, each a task that a model of this task can answer."""
    task = make()
    suite = task.suite()
    expect(isinstance(suite, Mapping) and len(suite) > 0, "suite must return at least one variant")
    for name, variant in suite.items():
        expect(isinstance(variant, Task), f"the variant {name} must be a Task, got {type(variant).__name__}")
        for part in ("input_size", "output_size", "gives"):
            pair = getattr(task, part), getattr(variant, part)
            expect(pair[0] == pair[1], f"the variant {name} has {part} {pair[1]}, but the task has {pair[0]}")
        expect(
            task.goal.score in blind_scores(variant), f"the variant {name} has no score '{task.goal.score}'"
        )


def check_perfect_answer_meets_the_goal(make: Make) -> None:
    """`perfect(batch)`, where defined, meets the goal and has a lower loss than zeros, in the whole suite."""
    task = make()
    if not hasattr(task, "perfect"):
        raise Skip("the task defines no `perfect`")
    for name, variant in with_suite(task):
        batch = draw(variant)
        y = variant.oracle(batch)
        value = variant.scores(y, batch)[task.goal.score].value
        expect(task.goal.met(value), f"{name}: the perfect answer scores {value}, which misses the goal")
        losses = [float(variant.loss(answer, batch)) for answer in (y, torch.zeros_like(y))]
        expect(losses[0] < losses[1], f"{name}: the perfect answer loses {losses[0]}, zeros lose {losses[1]}")


def check_fingerprints_are_stable(make: Make) -> None:
    """Two instances have the same fingerprints in training and the suite, whose variants all differ.

    Those of an environment need not: its batches are nothing but seeds.
    """
    one, two = fingerprints(make()), fingerprints(make())
    changed = [name for name in one if one[name] != two.get(name)]
    expect(not changed, f"two instances give other data for the same seed in: {', '.join(changed)}")
    if isinstance(make(), Environment):
        return
    variants = [fingerprint(variant) for variant in make().suite().values()]
    expect(len(set(variants)) == len(variants), "two variants of the suite give the very same data")
