"""A finished run with made-up numbers."""

import pytest

from recurra_lab.artifacts.atomic_files import write_json
from recurra_lab.artifacts.run_folder import RunFolder

from .report_parts import HOSTILE


@pytest.fixture
def run(tmp_path):
    """A finished run with made-up numbers."""
    folder = RunFolder(tmp_path / "runs" / "echo" / "counter-none" / "20250101")
    folder.path.mkdir(parents=True)
    folder.experiment.write_text(
        f'seed = 7\nnote = {HOSTILE!r}\n[task]\nname = "echo"\n[cell]\nname = "counter"\n'
    )
    rows = [f"{k},train/squared_error,{2.0 / k}\n" for k in range(1, 101)]
    rows += [f"{k},validation/squared_error,{2.1 / k}\n" for k in range(25, 101, 25)]
    folder.metrics.write_text("step,metric,value\n" + "".join(rows))
    variants = {"length-10": 0.05, "length-20": 0.25, "length-100": 1234.5}
    write_json(folder.scores, {v: {"squared_error": e, "wrong": 0.0} for v, e in variants.items()})
    write_json(folder.versions, {"torch": "2.13", "plugins": {"recurra-x": "0.1.0"}})
    write_json(folder.outcome, {"status": "solved", "steps": 1100, "sequences": 17600, "train_seconds": 61.2})
    return folder
