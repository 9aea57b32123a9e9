"""docs/hooks.md names every hook with its arguments, and each of its examples runs."""

import importlib
import inspect
import re

import pytest
import pytorch_lightning as pl
import torch
from click.testing import CliRunner

from recurra import sequence
from recurra.plugins import engines, hooks, registry
from recurra.plugins.inventory import inventory
from recurra_lab import Experiment
from recurra_lab.cli import main
from recurra_lab.reports.sections import sections
from recurra_lab.reproductions.catalogue import find as find_experiment
from recurra_lab.reproductions.reference import claim_of
from recurra_lab.runs.loggers import make_loggers

from .hooks_page import BLOCK, PAGE, entry_point, files, section

EXPERIMENT = {"run": {"validate_every": 3}}


def signature(hook: str) -> str:
    declared = inspect.signature(getattr(hooks, hook))
    arguments = ", ".join(f"{name}: {p.annotation}" for name, p in declared.parameters.items())
    return f"{hook}({arguments}) -> {declared.return_annotation}"


@pytest.mark.parametrize("hook", hooks.HOOKS)
def test_every_hook_is_on_the_page_with_its_exact_arguments(hook):
    assert f"`{signature(hook)}`" in section(hook)
    assert f"[`{hook}`](#{hook})" in PAGE


def test_the_page_names_no_hook_that_does_not_exist():
    assert set(re.findall(r"\brecurra_(?!lab\b)[a-z_]+", PAGE)) == set(hooks.HOOKS)


@pytest.mark.parametrize("member", ["levels", "run", "run_many", "explain"])
def test_everything_that_an_engine_needs_is_on_the_page(member):
    assert member in engines.NEEDED
    told = section("Engines")
    declared = getattr(sequence.Engine, member, None)
    if declared is None:
        assert f"`{member}: {sequence.Engine.__annotations__[member]}`" in told
    else:
        names = [name for name in inspect.signature(declared).parameters if name != "self"]
        assert f"`{member}({', '.join(names)})`" in told


@pytest.fixture
def installed(world):
    """Return a function that installs a package of the page and returns the world's plugins."""

    def install(package):
        for path, text in files(package).items():
            file = world.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        group, target = entry_point(package)
        lines = f"[{group}]\nmain = {target}\n"
        world.add(package.replace("_", "-"), "", entry_points=lines, folder=None)
        (world.path / f"{package}.py").unlink()  # `add` writes a module, and the page has packages
        importlib.invalidate_caches()
        plugins = world.plugins()
        assert plugins.defects == []
        return plugins

    return install


def test_components(installed):
    installed("acme_cell")
    cell = registry.load("cell", "smooth")(3, hidden_size=5)
    assert cell(torch.randn(2, 4, 3))[0].shape == (2, 4, 5)


def test_experiments(installed):
    installed("acme_experiments")
    assert claim_of(find_experiment("acme2026/copy").path).paper == "Acme 2026"


def test_callbacks(installed, tmp_path):
    plugins = installed("acme_callbacks")
    about = {"folder": tmp_path, "experiment": EXPERIMENT}
    ((_, callback),) = plugins.results("recurra_callbacks", pl.Callback, **about)

    class Trainer:
        is_global_zero = True

    for batch in (1, 2, 3):
        assert not (tmp_path / "heartbeat").exists()
        callback.on_train_batch_end(Trainer, None, None, None, batch)
    assert (tmp_path / "heartbeat").exists()


def test_commands(installed):
    installed("acme_cell")
    installed("acme_command")
    result = CliRunner().invoke(main, ["count-weights", "smooth", "--inputs", "3"])
    assert result.output == f"smooth has {16 * (3 + 1)} weights\n"
    assert "Print the number of weights of a cell." in CliRunner().invoke(main, ["--help"]).output


@pytest.fixture
def chosen(installed, world, monkeypatch):
    """Return a function that composes an experiment with the bundled parts and the page's."""
    from recurra.plugins import discovery

    def choose(package, word):
        installed(package)
        monkeypatch.setattr(discovery, "plugins", lambda: discovery.Plugins(inventory()))
        return Experiment.compose("copy", "gru", overrides=[word]).make_trainer()

    return choose


def test_optimizers(chosen):
    muon = chosen("acme_optimizer", "trainer.optimizer={name='muon', momentum=0.5}").optimization.optimizer
    weight, bias = torch.nn.Parameter(torch.zeros(3, 2)), torch.nn.Parameter(torch.zeros(2))
    made = muon.build([weight, bias])
    loss = (weight @ torch.tensor([[2.0, 0.0], [0.0, 3.0]])).sum() + bias.sum()
    loss.backward()
    made.step()
    u, _, v = torch.linalg.svd(weight.grad, full_matrices=False)
    torch.testing.assert_close(weight.detach(), -0.02 * u @ v)
    torch.testing.assert_close(bias.detach(), torch.full((2,), -0.02))


def test_schedules(chosen):
    decay = chosen("acme_schedule", "trainer.schedule={name='decay', factor=0.5}").optimization.schedule
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = decay.build(optimizer, None)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    assert schedule.get_last_lr() == [0.125]


def test_loggers(installed, tmp_path):
    installed("acme_logger")
    (_, made) = make_loggers("jsonl", tmp_path, EXPERIMENT, 0)
    for step in (1, 2):
        made.log_metrics({"loss": 0.5}, step)
    made.save()
    (_, again) = make_loggers(["jsonl"], tmp_path, EXPERIMENT, 1)
    assert again.lines == ['{"step": 1, "loss": 0.5}']


def test_report_sections(installed, tmp_path):
    installed("acme_section")
    layer = torch.nn.Linear(2, 1)
    (shown,) = sections(tmp_path, EXPERIMENT, layer, None)
    assert (shown.title, shown.failure) == ("Largest weights", "")
    assert f"<td>bias</td><td>{layer.bias.abs().max():.3g}</td>" in shown.html


def test_engines(installed, world, monkeypatch):
    installed("acme_cell")
    installed("acme_engine")
    found = engines.load(inventory([str(world.path)]).engines)
    assert (list(found.loaded), found.defects) == (["acme-engine"], ())
    monkeypatch.setattr(sequence, "engines", lambda: found)
    cell, x = registry.load("cell", "smooth")(3), torch.randn(2, 4, 3)
    with sequence.using("loop"):
        expected = cell(x)
    with sequence.using("unrolled"):
        torch.testing.assert_close(cell(x), expected)
        torch.testing.assert_close(cell(x, lengths=torch.tensor([4, 2]))[0][0], expected[0][0])
    assert found.loaded["acme-engine"].explain(cell)["level"] in found.loaded["acme-engine"].levels


def test_every_package_of_the_page_is_used_here():
    text = inspect.getsource(inspect.getmodule(section)) + inspect.getsource(inspect.getmodule(signature))
    packages = {block["package"] for block in BLOCK.finditer(PAGE)}
    assert len(packages) == len(hooks.HOOKS) + 1
    assert [package for package in packages if f'"{package}"' not in text] == []
