"""An experiment is put together from defaults, a file and overrides, and written so that it is read again."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recurra import Ref
from recurra_lab import Experiment, ModelOptions
from recurra_lab.experiments import completions, parse_overrides
from recurra_lab.experiments.run_options import RunOptions

pytestmark = pytest.mark.usefixtures("parts")


def compose(*overrides, task="copy", cell="ntm", file=None):
    return Experiment.compose(task, cell, file, overrides)


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "run.toml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_filled_in_at_every_level(parts):
    experiment = compose()
    assert experiment == Experiment(
        seed=0,
        task=Ref("task", "copy", bits=8, shortest=1, longest=20, lengths=(10, 20), grid=(2, 3), folder=None),
        cell=Ref(
            "cell",
            "ntm",
            controller=Ref("cell", "plain", hidden_size=50),  # the default part's options, not the class's
            memory=Ref("memory", "ntm", slots=128, start="constant"),
        ),
        model=ModelOptions(),
        trainer=Ref(
            "trainer",
            "bptt",
            optimizer=parts.Adam(beta1=0.8),
            schedule=parts.Constant(),
            clip_norm=1.0,
            clip_value=None,
            rule="auto",
        ),
        run=RunOptions(),
    )


def test_overrides_win_over_the_file_and_the_file_over_defaults(written):
    file = written("seed = 7\n[run]\nmax_steps = 9\nbatch_size = 4\n[cell.memory]\nslots = 5\n")
    experiment = compose("run.batch_size=6", file=file)
    assert (experiment.seed, experiment.run.max_steps, experiment.run.batch_size) == (7, 9, 6)
    assert experiment.cell.options["memory"] == Ref("memory", "ntm", slots=5, start="constant")


def test_sections_are_found_once_and_again_for_an_experiment_made_by_hand(monkeypatch):
    experiment = compose()
    by_hand = replace(experiment)
    text = by_hand.to_toml()
    monkeypatch.setattr("recurra_lab.experiments.experiment.Explorer", lambda given: pytest.fail("explored"))
    assert experiment.to_toml() == text


def test_of_two_overrides_the_later_counts():
    assert compose("seed=1", "run.max_steps=3", "seed=2").seed == 2
    assert compose("trainer=rtrl", "trainer.name=bptt").trainer.name == "bptt"
    assert compose("cell.memory.name=tape", "cell.memory=ntm").cell.options["memory"].name == "ntm"


@pytest.mark.parametrize(
    "words", [["trainer=rtrl"], ["trainer.name=rtrl"], ["trainer={name='rtrl'}"], ["trainer='rtrl'"]]
)
def test_a_part_is_named_shortly_or_in_full(words):
    assert compose(*words).trainer == Ref("trainer", "rtrl", rank=1)


def test_a_file_names_task_and_cell_shortly_or_in_full(written):
    short = Experiment.from_toml(written('task = "copy"\ncell = "gru"\n'))
    full = Experiment.from_toml(written('[task]\nname = "copy"\n[cell]\nname = "gru"\n'))
    assert short == full == compose(cell="gru")


def test_another_part_drops_the_options_of_the_default():
    assert compose("cell.controller=gru").cell.options["controller"].options["hidden_size"] == 128
    assert compose("cell.controller.name=plain").cell.options["controller"].options["hidden_size"] == 50


def test_another_alternative_drops_the_options_of_the_default(parts):
    assert compose("trainer.optimizer=sgd").trainer.options["optimizer"] == parts.SGD()
    assert compose("trainer.optimizer.name=sgd", "trainer.optimizer.lr=1").trainer.options[
        "optimizer"
    ] == parts.SGD(lr=1.0)


def test_one_option_of_an_alternative_keeps_the_default_of_the_others(parts):
    optimizer = compose("trainer.optimizer.lr=1e-4").trainer.options["optimizer"]
    assert optimizer == parts.Adam(lr=1e-4, beta1=0.8)


def test_naming_another_part_drops_what_the_file_said_of_the_old_one(written):
    file = written(compose("cell.memory.slots=5", "seed=3").to_toml())
    assert compose("cell=gru", task=None, cell=None, file=file) == compose("seed=3", cell="gru")
    again = compose("cell.memory=tape", task=None, cell=None, file=file)
    assert again.cell.options["memory"] == Ref("memory", "tape", squares=9)
    assert again.seed == 3


def test_naming_the_same_part_keeps_what_the_file_said_of_it(written):
    file = written('[cell]\nname = "gru"\nhidden_size = 5\n')
    assert compose(cell="gru", file=file).cell.options["hidden_size"] == 5


def test_what_a_file_says_without_a_name_is_of_the_cell_that_is_chosen(written):
    file = written("[cell]\nhidden_size = 5\n")
    assert compose(cell="gru", file=file).cell.options["hidden_size"] == 5
    assert compose(cell="plain", file=file).cell.options["hidden_size"] == 5


def test_values_are_of_the_type_that_the_option_has():
    experiment = compose(
        "trainer.optimizer.lr=1", "task.lengths=[3]", "task.folder=some/where", "trainer.rule=2",
        "cell.share=0", cell="gru",
    )  # fmt: skip
    lr = experiment.trainer.options["optimizer"].lr
    assert isinstance(lr, float)
    assert lr == 1.0
    assert experiment.task.options["lengths"] == (3,)
    assert experiment.task.options["folder"] == Path("some/where")
    assert experiment.trainer.options["rule"] == 2


def test_none_takes_a_default_away_and_is_written_where_it_must_be(written):
    experiment = compose("trainer.clip_norm=none", "run.threads=none")
    table = tomllib.loads(experiment.to_toml())
    assert experiment.trainer.options["clip_norm"] is None
    assert (table["trainer"]["clip_norm"], table["run"]["threads"]) == ("none", "none")
    assert "clip_value" not in table["trainer"]
    assert "stop_score" not in table["run"]
    assert Experiment.from_toml(written(experiment.to_toml())) == experiment


CHANGES = {
    "seed": st.integers(0, 2**63 - 1).map(str),
    "cell.memory": st.sampled_from(["ntm", "tape"]),
    "cell.controller": st.sampled_from(["plain", "gru", "ntm"]),
    "trainer": st.sampled_from(["bptt", "rtrl"]),
    "trainer.optimizer": st.sampled_from(["adam", "sgd", "{name='sgd', nesterov=true}"]),
    "trainer.schedule": st.sampled_from(["constant", "{name='cosine', steps=3}"]),
    "trainer.clip_norm": st.sampled_from(["none", "2", "1e-300"]),
    "trainer.clip_value": st.sampled_from(["none", "2"]),
    "task.lengths": st.lists(st.integers(1, 9)).map(str),
    "task.folder": st.text(min_size=1)
    .filter(str.isprintable)
    .map(lambda text: json.dumps(text, ensure_ascii=False)),
    "run.stop_score": st.sampled_from(["bits", "none", "'a \"b\" \\ ü'"]),
    "run.threads": st.sampled_from(["none", "3"]),
}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional=CHANGES))
def test_what_is_written_is_read_back_as_it_was(written, changes):
    words = [f"{key}={value}" for key, value in changes.items()]
    if changes.get("trainer") == "rtrl":
        words = [word for word in words if not word.startswith("trainer.")]
    experiment = compose(*words)
    text = experiment.to_toml()
    again = Experiment.from_toml(written(text))
    assert again == experiment
    assert again.to_toml() == text
    assert again.config_hash() == experiment.config_hash()


def test_the_written_file_is_complete():
    table = tomllib.loads(compose().to_toml())
    assert set(table) == {"seed", "task", "cell", "model", "trainer", "run"}
    assert table["cell"] == {
        "name": "ntm",
        "controller": {"name": "plain", "hidden_size": 50},
        "memory": {"name": "ntm", "slots": 128, "start": "constant"},
    }
    assert table["trainer"]["optimizer"] == {"name": "adam", "lr": 3e-3, "beta1": 0.8}


def test_the_hash_tells_experiments_apart():
    hashes = {compose().config_hash(), compose("seed=1").config_hash(), compose(cell="gru").config_hash()}
    assert len(hashes) == 3
    assert compose("seed=0").config_hash() == compose().config_hash()
    assert all(len(digest) == 64 for digest in hashes)


def test_an_experiment_builds_its_parts(parts):
    experiment = compose(
        "cell.controller.hidden_size=3", "model.layers=2", "task.bits=6", "trainer.clip_norm=2"
    )
    task = experiment.make_task()
    model = experiment.make_model(task)
    assert isinstance(task, parts.Copy)
    assert (task.input_size, model.sequencer.output_size, model.readout.out_features) == (6, 3 + 2, 6)
    assert len(model.sequencer.layers) == 2
    assert experiment.make_trainer().clip_norm == 2.0


def test_only_the_components_that_are_named_are_loaded(monkeypatch):
    from recurra.plugins import registry

    loaded, load = [], registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: loaded.append((kind, name)) or load(kind, name))
    compose("cell.memory=tape")
    assert set(loaded) == {
        ("task", "copy"), ("cell", "ntm"), ("cell", "plain"), ("memory", "tape"), ("trainer", "bptt"),
    }  # fmt: skip


def test_a_value_is_not_filled_in_from_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    assert compose("run.stop_score=${SECRET}").run.stop_score == "${SECRET}"


def test_overrides_are_read_in_order_and_wrong_ones_are_reported():
    given_, wrong = parse_overrides(["seed=1", "oops", "a.b={c=1, d='x'}", "seed=3", "t=1979-05-27"])
    values = {".".join(key): entry.value for key, entry in given_.items()}
    assert values == {"a.b.c": 1, "a.b.d": "x", "seed": 3, "t": "1979-05-27"}
    assert [str(error) for error in wrong] == [
        "'oops' is not of the form KEY=VALUE; to set an option write oops=VALUE"
    ]


def test_run_options_cannot_be_changed():
    with pytest.raises(ValidationError):
        RunOptions().max_steps = 3


def test_every_run_option_has_a_description():
    assert all(field.description for field in RunOptions.model_fields.values())


@pytest.mark.parametrize(
    ("incomplete", "words"),
    [
        ("cell.m", ["cell.memory.slots=", "cell.memory.start=", "cell.memory="]),
        ("se", ["seed="]),
        ("run.p", ["run.precision=", "run.progress="]),
        ("run.progress=", ["run.progress=false", "run.progress=true"]),
        ("trainer.optimizer=", ["trainer.optimizer=adam", "trainer.optimizer=sgd"]),
        ("trainer=r", ["trainer=rtrl"]),
        ("cell.memory.start=l", ["cell.memory.start=learned"]),
        ("trainer.clip_norm=", ["trainer.clip_norm=none"]),
        ("nothing", []),
        ("nothing.at.all=", []),
    ],
)
def test_keys_and_values_are_completed(incomplete, words):
    assert sorted(completions("copy", "ntm", incomplete)) == sorted(words)


def test_completion_never_fails():
    assert completions(None, None, "seed") == ["seed="]
    assert completions("cpy", "grru", "run.pre") == ["run.precision="]
    assert completions("seed=3", "broken", "run.pre") == ["run.precision="]


def test_completion_knows_the_keys_of_the_chosen_cell_only():
    assert completions("copy", "gru", "cell.r") == ["cell.reset="]
    assert completions("copy", "plain", "cell.r") == []
