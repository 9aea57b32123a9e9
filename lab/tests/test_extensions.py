"""Optimizers of plugins: chosen by name with options of their own, and shown wherever options are."""

import pytest
from click.testing import CliRunner

from recurra import InvalidOption
from recurra.errors import AmbiguousComponent, BrokenComponent
from recurra.plugins import discovery
from recurra.plugins.inventory import inventory
from recurra_lab import Adam, Experiment
from recurra_lab.cli import main
from recurra_lab.experiments import completions
from recurra_lab.experiments.json_schema import experiment_schema
from recurra_lab.runs.provenance import versions_of

HOOK = """
from recurra import Extension, hookimpl

@hookimpl
def recurra_optimizers():
    return [Extension({name!r}, {target!r}, "made up")]
"""
TARGET = """
from typing import Annotated, Literal
import torch
from pydantic import BaseModel, Field
from recurra_lab import OptimizerOptions

class Muon(OptimizerOptions):
    '''Made up.'''
    name: Literal["muon"] = "muon"
    lr: float = 0.5
    beta: Annotated[float, Field(gt=0, lt=1, description="made-up share")] = 0.25

    def build(self, params):
        return torch.optim.SGD(params, self.lr, self.beta)

class NoRate(OptimizerOptions):
    name: Literal["muon"] = "muon"
    def build(self, params): ...

class NoOptimizer(BaseModel): ...
"""


@pytest.fixture
def offer(world, monkeypatch):
    """Return a function that installs a plugin with an optimizer beside the bundled ones."""
    world.path.joinpath("muon_target.py").write_text(TARGET)
    found = {}

    def add(dist="acme-optim", name="muon", target="muon_target:Muon"):
        world.add(dist, HOOK.format(name=name, target=target))
        found["plugins"] = discovery.Plugins(inventory())
        monkeypatch.setattr(discovery, "plugins", lambda: found["plugins"])

    return add


def compose(*words):
    return Experiment.compose("copy", "gru", overrides=words)


def test_it_is_chosen_with_its_options_and_written_and_read_back(offer, tmp_path):
    offer()
    experiment = compose("trainer.optimizer=muon", "trainer.optimizer.beta=0.5")
    chosen = experiment.make_trainer().optimization.optimizer
    assert (type(chosen).__name__, chosen.lr, chosen.beta) == ("Muon", 0.5, 0.5)
    file = tmp_path / "experiment.toml"
    file.write_text(experiment.to_toml())
    assert Experiment.from_toml(file).config_hash() == experiment.config_hash()
    assert versions_of(experiment)["plugins"]["acme-optim"] == "1.0"
    assert "acme-optim" not in versions_of(compose())["plugins"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["trainer.optimizer=muo"],
            r"no trainer\.optimizer 'muo'; expected one of adam, .*, muon; did you mean 'muon'",
        ),
        (["trainer.optimizer=muon", "trainer.optimizer.beta=2"], r"optimizer\.beta=2: expected a number"),
        (
            ["trainer.optimizer.beta=0.5"],
            r"adam has no option 'beta', which belongs to trainer\.optimizer=muon",
        ),
        (
            ["trainer.optimizer={name='muon', beat=1}"],
            r"unknown key .*did you mean 'trainer\.optimizer\.beta'",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_the_nearest_choice(offer, words, told):
    offer()
    with pytest.raises(InvalidOption, match=told) as caught:
        compose(*words)
    assert "\n" not in str(caught.value)


def test_a_trainer_made_in_python_takes_it_by_name(offer):
    from recurra import Ref

    offer()
    trainer = Ref("trainer", "bptt", optimizer={"name": "muon", "beta": 0.75}).build()
    assert trainer.optimization.optimizer.beta == 0.75
    with pytest.raises(InvalidOption, match="did you mean 'muon'"):
        Ref("trainer", "bptt", optimizer="muno").build()


def test_info_completion_and_schema_show_it(offer):
    offer()
    shown = CliRunner().invoke(main, ["info", "bptt"]).output
    assert "adagrad | lbfgs | muon)" in " ".join(shown.split())
    assert "with trainer.optimizer=muon:" in shown
    assert "trainer.optimizer.beta = 0.25" in shown
    assert "trainer.optimizer=muon" in completions("copy", "gru", "trainer.optimizer=m")
    definitions = experiment_schema("copy", "gru")["$defs"]
    muon = definitions["trainer.bptt.optimizer.muon"]
    assert muon["properties"]["beta"]["description"] == "made-up share"


def test_info_shows_it_by_its_own_name(offer):
    offer()
    shown = CliRunner().invoke(main, ["info", "muon"]).output
    assert "muon  (optimizer · acme-optim 1.0)" in shown
    assert "trainer.optimizer.beta = 0.25" in shown
    assert "Kingma and Ba" in CliRunner().invoke(main, ["info", "adam"]).output
    assert "trainer.schedule.warmup = 0" in CliRunner().invoke(main, ["info", "constant"]).output


def test_a_name_offered_twice_is_refused_and_a_qualified_one_is_kept(offer):
    offer()
    offer("other-optim")
    told = "2 plugins offer an optimizer 'muon'; write 'acme-optim:muon' or 'other-optim:muon'"
    with pytest.raises(AmbiguousComponent, match=told):
        compose("trainer.optimizer=muon")
    experiment = compose("trainer.optimizer=other-optim:muon", "trainer.optimizer.beta=0.5")
    assert experiment.as_dict()["trainer"]["optimizer"]["name"] == "other-optim:muon"
    assert versions_of(experiment)["plugins"]["other-optim"] == "1.0"
    assert compose(*_words(experiment)).config_hash() == experiment.config_hash()


def _words(experiment):
    return [
        f"trainer.optimizer.{key}={value}"
        for key, value in experiment.as_dict()["trainer"]["optimizer"].items()
    ]


def test_a_plugin_with_a_bundled_name_does_not_change_the_default(offer):
    offer("acme-optim", "adam")
    assert type(compose().make_trainer().optimization.optimizer) is Adam
    assert type(compose("trainer.optimizer=adam").make_trainer().optimization.optimizer) is Adam
    assert compose("trainer.optimizer=acme-optim:adam").make_trainer().optimization.optimizer.beta == 0.25


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "no_such_module_anywhere:Muon",
            "optimizer 'muon' of acme-optim 1.0 cannot be imported: ModuleNotFound",
        ),
        ("muon_target:NoOptimizer", "'muon_target:NoOptimizer' is not a subclass of OptimizerOptions"),
        ("muon_target:NoRate", "optimizer 'muon' of acme-optim 1.0 lacks the required option 'lr'"),
    ],
)
def test_one_that_is_broken_is_named_when_it_is_chosen_and_stops_nothing_else(offer, target, told):
    offer(target=target)
    with pytest.raises(BrokenComponent, match=told):
        compose("trainer.optimizer=muon")
    assert compose("trainer.optimizer=sgd").make_trainer().optimization.optimizer.name == "sgd"
    result = CliRunner().invoke(main, ["info", "bptt"])
    assert result.exit_code == 0
    assert "with trainer.optimizer=sgd:" in result.output
