"""The loss, the scores and the goal of a task, and its baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from recurra.task import Batch, Evaluation, Goal, Score, Task
from recurra_contract.kit import CheckFailed, Make, Skip
from recurra_contract.task_probes import (
    SIZE,
    answered,
    blind_scores,
    close,
    draw,
    expect,
    same_bytes,
    supervised,
    with_suite,
)
from recurra_lab.training.capabilities import ScoresPopulations


def check_loss_is_differentiable(make: Make) -> None:
    """The loss is a finite scalar with a finite, non-zero gradient with respect to the outputs."""
    task = supervised(make())
    batch, y = answered(task)
    loss = task.loss(y.requires_grad_(), batch)
    expect(loss.shape == (), f"the loss must be a scalar, got shape {tuple(loss.shape)}")
    expect(bool(torch.isfinite(loss)), f"the loss must be finite, got {loss.item()}")
    expect(loss.requires_grad, "the loss is not differentiable with respect to the outputs")
    (gradient,) = torch.autograd.grad(loss, y)
    expect(bool(torch.isfinite(gradient).all()), "the gradient of the loss must be finite")
    expect(bool(gradient.any()), "the gradient of the loss is zero everywhere")


def check_loss_and_scores_change_nothing(make: Make) -> None:
    """`loss`, `scores` and `predict` modify neither the outputs nor the batch."""
    task = supervised(make())
    batch, y = answered(task)
    before, y_before = Batch(*(part.clone() for part in batch)), y.clone()
    for what in ("loss", "scores", "predict"):
        getattr(task, what)(*((y,) if what == "predict" else (y, batch)))
        expect(torch.equal(y, y_before), f"{what} changes the outputs in place")
        expect(same_bytes(before, batch), f"{what} changes the batch in place")


def check_only_the_mask_counts(make: Make) -> None:
    """Outputs at steps that are not scored affect neither the loss nor a score."""
    task = supervised(make())
    batch, y = answered(task)
    outside = ~batch.mask[..., None]
    if not bool(outside.any()):
        raise Skip("every step of a batch is scored")
    other = torch.where(outside, y.neg() + 1000, y)
    pair = task.loss(y, batch).item(), task.loss(other, batch).item()
    expect(math.isclose(*pair, rel_tol=1e-5), f"outputs outside the mask change the loss: {pair}")
    one, two = task.scores(y, batch), task.scores(other, batch)
    for name in one:
        message = f"outputs outside the mask change the score {name}: {one[name]}, {two[name]}"
        expect(close(one[name], two[name]), message)


def check_scores_are_sums_and_weights(make: Make) -> None:
    """`scores` maps names to `Score`s with a finite total and a positive weight, both Python numbers."""
    for name, score in blind_scores(make()).items():
        expect(isinstance(score, Score), f"{name} must be a Score, got {type(score).__name__}")
        for part in score:
            expect(
                isinstance(part, int | float),
                f"{name} must contain Python numbers, got {type(part).__name__}",
            )
        expect(math.isfinite(score.total), f"{name} must be finite, got {score.total}")
        expect(score.weight > 0, f"{name} must have a positive weight, got {score.weight}")


def check_scores_add(make: Make) -> None:
    """The scores of single rows add up to those of the batch, so ranks and batches can be summed."""
    task = supervised(make())
    batch, y = answered(task)
    total: dict[str, Score] = {}
    for row in range(SIZE):
        for name, score in task.scores(y[row : row + 1], batch.rows(row, SIZE)).items():
            total[name] = total.get(name, Score(0, 0)) + score
    for name, whole in task.scores(y, batch).items():
        message = f"{name} is {whole} for a batch, but its rows give {total.get(name)}"
        expect(name in total and close(whole, total[name]), message)


def check_goal_is_a_score(make: Make) -> None:
    """`goal` is a `Goal` on one of the scores, either below or above a value."""
    task = make()
    goal = getattr(task, "goal", None)
    if not isinstance(goal, Goal):
        raise CheckFailed(f"goal must be a Goal, got {goal!r}")
    names = list(blind_scores(task))
    expect(
        goal.score in names, f"the goal names the score '{goal.score}', but the scores are {', '.join(names)}"
    )
    expect((goal.below is None) != (goal.above is None), "the goal must be either below or above a value")


def check_baselines_are_scores(make: Make) -> None:
    """`baselines` gives finite values for existing scores; none is better than `optimal`."""
    for name, task in with_suite(make()):
        known, baselines = set(blind_scores(task)), task.baselines()
        for predictor, values in baselines.items():
            foreign = sorted(set(values) - known)
            message = f"{name}: the baseline '{predictor}' has {foreign}, but the scores are {sorted(known)}"
            expect(not foreign, message)
            for score, value in values.items():
                message = f"{name}: the baseline '{predictor}' has {score} = {value!r}, not a finite number"
                expect(isinstance(value, int | float) and math.isfinite(value), message)
        _expect_optimal(name, task.goal, baselines)


def _expect_optimal(name: str, goal: Goal, baselines: Mapping[str, Mapping[str, float]]) -> None:
    known = {predictor: values[goal.score] for predictor, values in baselines.items() if goal.score in values}
    for predictor, value in known.items():
        better = "optimal" in known and goal.better(value, known["optimal"])
        message = (
            f"{name}: '{predictor}' has {goal.score} = {value}, better than 'optimal', {known.get('optimal')}"
        )
        expect(not better, message)


def check_predict_keeps_steps(make: Make) -> None:
    """`predict` turns outputs (B, T, O) into finite numbers (B, T, ...)."""
    task = supervised(make())
    batch, y = answered(task)
    claimed = task.predict(y)
    message = f"predict must keep the {tuple(batch.mask.shape)} steps, got {tuple(claimed.shape)}"
    expect(claimed.shape[:2] == batch.mask.shape, message)
    expect(bool(torch.isfinite(claimed).all()), "predict must return finite values")


def check_suite_fits_the_model(make: Make) -> None:
    """The suite has at least one variant, each a task that a model of this task can run on."""
    task = make()
    suite = task.suite()
    expect(isinstance(suite, Mapping) and len(suite) > 0, "suite must return at least one variant")
    for name, variant in suite.items():
        expect(isinstance(variant, Task), f"the variant {name} must be a Task, got {type(variant).__name__}")
        for part in ("input_size", "output_size", "input_kind"):
            pair = getattr(task, part), getattr(variant, part)
            expect(pair[0] == pair[1], f"the variant {name} has {part} {pair[1]}, but the task has {pair[0]}")
        expect(
            task.goal.score in blind_scores(variant), f"the variant {name} has no score '{task.goal.score}'"
        )


def check_oracle_meets_the_goal(make: Make) -> None:
    """`oracle(batch)`, if defined, meets the goal and has a lower loss than zeros, in the whole suite."""
    for name, task in with_suite(make()):
        batch = draw(task)
        y = task.oracle(batch)
        if y is None:
            raise Skip("the task has no oracle")
        known, blank = (_answer(task, batch, outputs) for outputs in (y, torch.zeros_like(y)))
        value = known.scores[task.goal.score].value
        expect(task.goal.met(value), f"{name}: the oracle scores {value}, which misses the goal")
        losses = float(known.loss), float(blank.loss)
        expect(
            losses[0] < losses[1], f"{name}: the oracle has loss {losses[0]}, and zeros have loss {losses[1]}"
        )


def _answer(task: Task, batch: Batch, y: Tensor) -> Evaluation:
    return task.evaluate(lambda x, state, lengths: (y, state), batch)


def check_goal_scores_are_scores(make: Make) -> None:
    """`goal_scores`, if defined, returns for several networks what `scores` returns for each, or None."""
    task = supervised(make())
    if not isinstance(task, ScoresPopulations):
        raise Skip("the task defines no `goal_scores`")
    batch, y = answered(task)
    outputs = torch.stack([y, -y, torch.zeros_like(y)])
    found = task.goal_scores(outputs, batch)
    if found is None:
        raise Skip("the score of the goal cannot be computed for an ensemble of networks")
    expect(found.dtype == torch.float64, f"goal_scores must be float64, got {found.dtype}")
    values = [task.scores(own, batch)[task.goal.score].value for own in outputs]
    same = found.shape == (3,) and torch.allclose(found, torch.tensor(values, dtype=torch.float64))
    expect(same, f"goal_scores gives {found.tolist()}, and scores {values}")
