"""Every mistake in an experiment gets one sentence: where it was written, what is wrong, what is right."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import DamagedFile, InvalidOption, MissingFile, RecurraError
from recurra.errors import UnknownComponent
from recurra_lab import Experiment

pytestmark = pytest.mark.usefixtures("parts")


def complaint(*overrides, task="copy", cell="ntm", file=None, error=InvalidOption):
    with pytest.raises(RecurraError) as caught:
        Experiment.compose(task, cell, file, overrides)
    assert type(caught.value) is error
    return str(caught.value)


WORDS = {
    # keys
    "cell.slotz=3": "unknown key cell.slotz; did you mean 'cell.memory.slots'?",
    "cell.memory.slotz=3": "unknown key cell.memory.slotz; did you mean 'slots'?",
    "cell.slots=3": "unknown key cell.slots; 'slots' belongs to cell.memory.slots",
    "lr=3": "unknown key lr; 'lr' belongs to trainer.optimizer.lr",
    "optimizer.lr=3": "unknown key optimizer.lr; 'optimizer.lr' belongs to trainer.optimizer.lr",
    "run.lr=3": "unknown key run.lr; 'lr' belongs to trainer.optimizer.lr",
    "batch_sise=3": "unknown key batch_sise; did you mean 'run.batch_size'?",
    "cel.memory.slots=3": "unknown key cel.memory.slots; did you mean 'cell'?",
    "model.zzz=3": "unknown key model.zzz; model has no option 'zzz', see `recurra info model`",
    "trainer.schedule.zzz=3": "unknown key trainer.schedule.zzz; constant has no option 'zzz', it has name",
    "trainer.optimizer.nesterov=true": "unknown key trainer.optimizer.nesterov;"
    " adam has no option 'nesterov', it belongs to trainer.optimizer=sgd",
    "trainer.clip=3": "trainer.clip is now called trainer.clip_norm",
    "run.name=3": "unknown key run.name; run has no option 'name', see `recurra info run`",
    # types
    "cell.memory.slots=abc": "expected an integer greater than 0",
    "cell.memory.slots=3.0": "expected an integer greater than 0",
    "cell.memory.slots='3'": "expected an integer greater than 0",
    "cell.memory.slots=true": "expected an integer greater than 0",
    "cell.memory.slots=[1]": "expected an integer greater than 0",
    "run.progress=no": "expected true or false",
    "run.strategy=1": "expected text",
    "trainer.clip_norm=abc": "expected a number greater than 0 or none",
    "trainer.optimizer.lr=true": "expected a number greater than 0",
    "trainer.rule=x": "expected an integer of at least 0 or auto",
    "task.lengths=3": "expected a list whose items are each an integer greater than 0",
    "task.lengths=[1, 0]": "expected a list whose items are each an integer greater than 0",
    "task.grid=[3]": "expected a list of 2 items, each an integer greater than 0",
    "task.grid=[3, 3, 3]": "expected a list of 2 items, each an integer greater than 0",
    "task.folder=3": "expected a path or none",
    "seed=2020-01-01": "expected an integer of at least 0",
    "seed=none": "expected an integer of at least 0",
    "seed.x=3": "seed = {'x': 3}: expected an integer of at least 0",
    "run=fast": "expected options, such as run.batch_size=...",
    "model=3": "expected options, such as model.layers=...",
    "cell.memory=3": "expected the name of a memory",
    "cell.memory.name=3": "expected the name of a memory",
    "trainer.optimizer=3": "expected one of adam, sgd",
    # ranges and choices
    "seed=-1": "expected an integer of at least 0",
    "model.layers=0": "expected an integer greater than 0 and of at most 10000",
    "run.threads=0": "expected an integer greater than 0 and of at most 4096 or none",
    "trainer.optimizer.lr=nan": "expected a number greater than 0, not infinite or NaN",
    "trainer.optimizer.lr=inf": "expected a number greater than 0, not infinite or NaN",
    "run.accelerator=gpus": "expected one of auto, cpu, gpu; did you mean 'gpu'?",
    "cell.memory.start=learnd": "expected one of constant, learned; did you mean 'learned'?",
    "trainer.schedule=cosine": "cosine needs trainer.schedule.steps, which must be an integer greater than 0",
    "trainer.optimizer={name='sgd', lr=-1}": "trainer.optimizer.lr = -1: expected a number greater than 0",
    # names
    "trainer.schedule=cosin": "there is no trainer.schedule 'cosin'; it can be constant, cosine;"
    " did you mean 'cosine'?",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_wrong_word_on_the_command_line(word):
    assert complaint(word) == f"{word}: {WORDS[word]}"


UNKNOWN = {
    "cell.memory=tap": "there is no memory 'tap'; installed: ntm, tape; did you mean 'tape'?",
    "trainer=bpt": "there is no trainer 'bpt'; installed: bptt, rtrl; did you mean 'bptt'?",
    "cell.controller=tape": "there is no cell 'tape' ('tape' is a memory);"
    " installed: broken, gru, ntm, plain",
    "cell=os.system": "there is no cell 'os.system'; installed: broken, gru, ntm, plain",
    "cell=${HOME}": "there is no cell '${HOME}'; installed: broken, gru, ntm, plain",
}


@pytest.mark.parametrize("word", UNKNOWN)
def test_a_component_that_is_not_installed(word):
    assert complaint(word, error=UnknownComponent) == f"{word}: {UNKNOWN[word]}"


def test_a_bare_name_that_is_not_installed():
    assert complaint(task="cpy", error=UnknownComponent) == (
        "there is no task 'cpy'; installed: copy; did you mean 'copy'?"
    )


def test_a_task_or_cell_that_is_not_named():
    assert complaint(task=None, cell=None).splitlines() == [
        "no task was given; expected task=NAME with one of the installed: copy",
        "no cell was given; expected cell=NAME with one of the installed: broken, gru, ntm, plain",
    ]


def test_a_trainer_that_is_not_named_where_no_plugin_has_a_default(parts, monkeypatch):
    from recurra.plugins import registry

    monkeypatch.setattr(registry, "default", lambda kind: None)
    assert complaint() == "no trainer was given; expected trainer=NAME with one of the installed: bptt, rtrl"


def test_an_option_of_a_part_that_is_not_there():
    assert complaint("cell.memory.slots=3", cell="gru") == (
        "cell.memory.slots=3: unknown key cell.memory.slots;"
        " gru has no option 'memory', it has hidden_size, reset, share"
    )


def test_options_that_exclude_each_other():
    assert complaint("run.stop_below=1", "run.stop_above=2") == (
        "run.stop_above=2: run: stop_below and stop_above are mutually exclusive; set only one of them"
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("seed", "'seed' is not of the form KEY=VALUE; to set an option write seed=VALUE"),
        ("=3", "'=3' has an empty key; expected KEY=VALUE, such as run.max_steps=100"),
        ("cell..slots=3", "'cell..slots=3' has an empty key; expected KEY=VALUE, such as run.max_steps=100"),
        ("seed=\udcff", r"'seed=\udcff' contains unprintable characters; expected KEY=VALUE"),
    ],
)
def test_a_word_that_is_no_override(word, told):
    assert complaint(word) == told


def test_all_mistakes_are_told_at_once(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('seed = -1\ntask = "copy"\n[cell]\nhiden = 3\nname = "gru"\n[run]\nbatch_size = "x"\n')
    told = complaint("trainer=bpt", "model.layers=0", "oops", task=None, cell=None, file=file).splitlines()
    assert sorted(told) == sorted(
        [
            f"{file}: seed = -1: expected an integer of at least 0",
            f"{file}: unknown key cell.hiden; did you mean 'hidden_size'?",
            f"{file}: run.batch_size = 'x': expected an integer greater than 0",
            "trainer=bpt: there is no trainer 'bpt'; installed: bptt, rtrl; did you mean 'bptt'?",
            "model.layers=0: expected an integer greater than 0 and of at most 10000",
            "'oops' is not of the form KEY=VALUE; to set an option write oops=VALUE",
        ]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 1\nb 3\n", ":2: not TOML: expected '=' after a key in a key/value pair (column 3)"),
        ("seed = 1\nseed = 2\n", ":2: not TOML: cannot overwrite a value (column 9)"),
        ('seed = "', " is not TOML: unterminated string at its end"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path, text, told):
    file = tmp_path / "run.toml"
    file.write_text(text)
    assert complaint(file=file, error=DamagedFile) == f"{file}{told}"


def test_a_file_that_is_not_text(tmp_path):
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xff\xfe")
    assert complaint(file=file, error=DamagedFile) == f"{file} is not TOML: it is not UTF-8 text"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfseed = 3\n", b"\xef\xbb\xbfseed = 3\r\n", b"seed = 3\r\n"])
def test_files_of_windows_editors_are_read(tmp_path, content):
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    assert Experiment.compose("copy", "ntm", file).seed == 3


def test_a_file_that_is_not_there(tmp_path):
    tmp_path.joinpath("run.toml").touch()
    near, far, nowhere = tmp_path / "runs.toml", tmp_path / "x", tmp_path / "no" / "run.toml"
    assert complaint(file=near, error=MissingFile) == (
        f"{near} does not exist; did you mean '{tmp_path / 'run.toml'}'?"
    )
    assert complaint(file=far, error=MissingFile) == f"{far} does not exist"
    assert complaint(file=nowhere, error=MissingFile) == (
        f"{nowhere} does not exist: the folder {tmp_path / 'no'} does not exist"
    )
    assert complaint(file=tmp_path, error=MissingFile) == f"{tmp_path} cannot be read: is a directory"


def test_a_broken_component_is_told_with_its_reason():
    with pytest.raises(RecurraError, match=r"^cell 'broken' of recurra-made-up 1\.0 cannot be imported"):
        Experiment.compose("copy", "broken")


def test_options_that_contradict_each_other_when_built():
    experiment = Experiment.compose("copy", "ntm", overrides=["task.shortest=30"])
    with pytest.raises(InvalidOption, match=r"^Copy: shortest = 30 must not exceed longest = 20$"):
        experiment.make_task()


KEYS = [
    *(
        "seed",
        "task",
        "cell",
        "cell.memory",
        "cell.memory.slots",
        "cell.controller.memory.slots",
        "cell.name",
    ),
    *("trainer", "trainer.optimizer", "trainer.optimizer.name", "trainer.schedule.steps", "trainer.rule"),
    *("model", "model.layers", "run", "run.stop_below", "run.stop_above", "task.lengths", "name", "a.b", ""),
]
VALUES = [
    "3",
    "-1",
    "gru",
    "ntm",
    "tape",
    "sgd",
    "none",
    "true",
    "[1, 'a']",
    "{}",
    "{name='gru', x=1}",
    "nan",
    "",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES) | st.text(max_size=4)), max_size=6))
def test_no_words_whatever_give_a_traceback(words):
    with suppress(RecurraError):
        experiment = Experiment.compose("copy", "ntm", overrides=[f"{key}={value}" for key, value in words])
        assert experiment.to_toml()


def test_a_former_name_of_an_option_in_a_file(tmp_path):
    file = tmp_path / "old.toml"
    file.write_text('task = "copy"\ncell = "ntm"\n[trainer]\nclip = 3.0\n')
    assert (
        complaint(task=None, cell=None, file=file) == f"{file}: trainer.clip is now called trainer.clip_norm"
    )
