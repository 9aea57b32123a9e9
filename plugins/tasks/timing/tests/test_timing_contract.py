"""The tasks of timing keep the contract of tasks; so do their variants."""

import pytest

from recurra_contract import contract
from recurra_contract import tasks as checks
from recurra_timing.spikes import GTS, MSD
from recurra_timing.waves import PFG

WIDE = {"largest_extra": 10, "extras": "all"}
VARIANTS = {
    "wide MSD": lambda: MSD(**WIDE, output="identity"),
    "wide GTS": lambda: GTS(**WIDE, shown="throughout"),
    "linear GTS": lambda: GTS(output="identity"),
    "triangle": lambda: PFG(wave="triangle", period=25),
    "squashed rectangle": lambda: PFG(wave="rectangle", output="sigmoid"),
}


@contract("task", "msd")
def test_msd(check):
    check()


@contract("task", "nmsd")
def test_nmsd(check):
    check()


@contract("task", "gts")
def test_gts(check):
    check()


@contract("task", "pfg")
def test_pfg(check):
    check()


@pytest.mark.parametrize(
    "check",
    [
        checks.check_batch_has_declared_shapes,
        checks.check_mask_lies_within_lengths,
        checks.check_oracle_meets_the_goal,
        checks.check_scores_add,
        checks.check_suite_fits_the_model,
        checks.check_options_round_trip,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("name", VARIANTS)
def test_variants(name, check):
    check(VARIANTS[name])
