"""Level by level: who learns when, what is frozen, and when the next part begins."""

import pytest
import torch

from recurra import IncompatibleParts, InvalidOption
from recurra_contract import StagedCell, ToyTask
from recurra_contract.harness import PlainCell, SaveAt, fit, model_of, module_of
from recurra_history_compression.trainer import HistoryCompression

BLOCK = 4


def rule(**options):
    return HistoryCompression(**{"block": BLOCK, "most": 2 * BLOCK, "improvement": 0.0, **options})


def trained(made, batches, *callbacks, **options):
    module = module_of(lambda: made, StagedCell)
    fit(lambda: made, module, batches, *callbacks, **options)
    return module


def weights(module):
    model = module.model
    groups = {"first": model.sequencer.parts[0], "second": model.sequencer.parts[1], "readout": model.readout}
    return {
        name: torch.cat([p.detach().flatten() for p in part.parameters()]) for name, part in groups.items()
    }


def moved(made, begin, end):
    """Which weights move between two numbers of batches."""
    one, two = weights(trained(made, begin)), weights(trained(made, end))
    return {name for name in one if not torch.equal(one[name], two[name])}


@pytest.mark.parametrize(
    ("taught", "learns"),
    [("none", {"readout"}), ("top", {"second", "readout"}), ("all", {"first", "second", "readout"})],
)
def test_one_part_learns_after_the_other_then_the_readout(taught, learns):
    made = rule(taught=taught)
    assert moved(made, 1, 2 * BLOCK) == {"first"}
    assert moved(made, 2 * BLOCK, 4 * BLOCK) == {"second"}
    assert moved(made, 4 * BLOCK, 6 * BLOCK) == learns


def stage_after(batches, **options):
    module = trained(rule(**options), batches)
    return int(module.stage), int(module.batches)


def test_a_part_ends_after_so_many_batches_at_the_latest():
    assert stage_after(2 * BLOCK - 1) == (0, 2 * BLOCK - 1)
    assert stage_after(2 * BLOCK) == (1, 0)
    assert stage_after(10 * BLOCK) == (2, 0)


def test_a_part_ends_early_when_a_block_improves_too_little():
    # No loss falls by nine tenths from one block of batches to the next.
    assert stage_after(BLOCK, improvement=0.9, most=100) == (0, BLOCK)
    assert stage_after(2 * BLOCK, improvement=0.9, most=100) == (1, 0)


def test_the_most_may_fall_inside_a_block():
    assert stage_after(BLOCK + 1, most=BLOCK + 1) == (1, 0)


def test_blocks_are_compared_by_their_mean_loss():
    module = module_of(lambda: rule(improvement=0.1, most=100), StagedCell)
    for block in (1.0, 0.95):  # less than a tenth better
        for _ in range(BLOCK):
            module._look(torch.tensor(block))
    assert int(module.stage) == 1
    for block in (1.0, 0.8, 0.7):  # more than a tenth each time
        for _ in range(BLOCK):
            module._look(torch.tensor(block))
    assert int(module.stage) == 1
    assert float(module.before) == pytest.approx(0.7)


def test_where_it_stands_is_in_the_checkpoint(tmp_path):
    made, path = rule(), tmp_path / "half.ckpt"
    whole = trained(made, 5 * BLOCK, SaveAt(BLOCK + 2, path))
    rest = trained(made, 5 * BLOCK, checkpoint=path)
    assert all(
        torch.equal(a, b) for a, b in zip(weights(whole).values(), weights(rest).values(), strict=True)
    )
    assert int(whole.stage) == int(rest.stage) == 2


def test_the_loss_of_each_part_is_logged_and_falls_while_it_learns():
    made = rule(most=60, block=60)
    module = module_of(lambda: made, StagedCell)
    first = fit(lambda: made, module, 1).callback_metrics
    module = module_of(lambda: made, StagedCell)
    last = fit(lambda: made, module, 100).callback_metrics
    assert last["train/level"] == 2
    assert last["train/level_1_nats"] < 0.8 * first["train/level_1_nats"]


def test_a_cell_without_parts_is_refused():
    with pytest.raises(
        IncompatibleParts, match="needs a differentiable cell with stages, and PlainCell is not one"
    ):
        rule().lightning_module(model_of(ToyTask(), PlainCell), ToyTask(), 0)


def test_an_option_out_of_range_is_refused():
    with pytest.raises(InvalidOption, match="improvement"):
        rule(improvement=1.0)
