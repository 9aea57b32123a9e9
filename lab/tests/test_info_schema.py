"""`recurra info` shows every option; `recurra schema` accepts what can be run and nothing else."""

import json
import re
import tomllib

import pytest
from click.testing import CliRunner

from recurra.errors import UnknownComponent
from recurra_lab import Experiment
from recurra_lab.cli.info import _wrapped, info
from recurra_lab.cli.schema import schema
from recurra_lab.experiments.json_schema import experiment_schema

pytestmark = pytest.mark.usefixtures("parts")


def shown(command, *args):
    result = CliRunner().invoke(command, args, env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_info_shows_a_cell_with_its_parts():
    text = shown(info, "ntm")
    assert text.splitlines()[:2] == ["ntm  (cell · recurra-made-up 1.0 · Graves 2014)", "drives a memory"]
    assert "cell.memory = ntm\n    is driven (ntm | tape)\n" in text
    assert "cell.memory.slots = 128\n    N, number of slots (integer > 0)\n" in text
    assert "cell.memory.start = constant\n    (constant | learned)\n" in text
    assert "cell.controller.hidden_size = 50\n" in text
    assert text.endswith("See also: recurra info memory:ntm\n")


def test_paragraphs_of_a_docstring_are_filled_and_equations_kept():
    doc = "Adds one to\nthe carry-over sum.\n\n    h' = h + 1  (unbounded)\n\nShapes: h (B,)\nSource: none"
    assert list(_wrapped(doc, 15)) == [
        "Adds one to the",
        "carry-over sum.",
        "",
        "    h' = h + 1  (unbounded)",
        "",
        "Shapes: h (B,)",
        "Source: none",
    ]


@pytest.mark.parametrize("args", [["memory:ntm"], ["ntm", "--kind", "memory"]])
def test_info_of_a_memory_shows_the_keys_as_they_are_typed(args):
    text = shown(info, *args)
    assert text.startswith("ntm  (memory · ")
    assert "cell.memory.slots = 128\n" in text


def test_info_shows_the_equations_and_not_the_arguments():
    text = shown(info, "plain")
    assert "Puts out what it reads, repeated.\n\n    y = x\n" in text
    assert "Args" not in text


def test_info_shows_all_alternatives_of_a_trainer():
    text = shown(info, "bptt")
    assert "trainer.optimizer = adam\n    turns gradients into updates (adam | sgd)\n" in text
    assert "trainer.optimizer.beta1 = 0.8\n" in text
    assert (
        "with trainer.optimizer=sgd:\n  trainer.optimizer.lr = 0.01\n      learning rate (number > 0)\n"
        in text
    )
    assert "with trainer.schedule=cosine:\n  trainer.schedule.steps\n      updates until the end" in text
    assert "trainer.clip_value = none\n" in text
    assert "task.lengths = [10, 20]\n" in shown(info, "copy")


def test_info_shows_the_sections_of_a_run():
    text = shown(info, "run")
    assert "run.batch_size = 16\n" in text
    assert "run.progress = true\n    show a progress bar (true | false)\n" in text
    assert "model.layers = 1\n" in shown(info, "model")


@pytest.mark.parametrize("name", ["ntm", "bptt", "copy", "run", "model", "memory:tape"])
def test_options_are_readable_at_80_columns(name):
    assert all(len(line) <= 80 for line in shown(info, name).splitlines())


def test_info_for_machines():
    facts = json.loads(shown(info, "bptt", "--json"))
    assert (facts["kind"], facts["name"], facts["plugin"]) == ("trainer", "bptt", "recurra-made-up 1.0")
    steps = next(o for o in facts["options"] if o["key"] == "trainer.schedule.steps")
    assert steps == {
        "key": "trainer.schedule.steps",
        "values": "integer > 0",
        "default": None,
        "required": True,
        "description": "updates until the end",
        "when": "trainer.schedule=cosine",
    }
    assert json.loads(shown(info, "run", "--json"))["options"][0]["key"] == "run.batch_size"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["cpy"], "there is no component 'cpy'; expected one of broken, gru, ntm, plain, tape, copy, bptt,"
                  " rtrl, model, run; did you mean 'copy'?"),
        (["memory:tap"], "there is no memory 'tap'; installed: ntm, tape; did you mean 'tape'?"),
        (["copy", "--kind", "cell"], "there is no cell 'copy' ('copy' is a task);"
                                     " installed: broken, gru, ntm, plain"),
    ],
)  # fmt: skip
def test_info_of_an_unknown_name(args, told):
    with pytest.raises(UnknownComponent) as caught:
        CliRunner().invoke(info, args, catch_exceptions=False)
    assert str(caught.value) == told


def accepts(node, value, root):
    """Check a value by the keywords of JSON schema that are used here, and refuse any other keyword."""
    checks = {
        "$ref": lambda to: accepts(root["$defs"][to.removeprefix("#/$defs/")], value, root),
        "type": lambda name: is_a(value, name),
        "const": lambda only: value == only,
        "enum": lambda words: value in words,
        "oneOf": lambda options: sum(accepts(option, value, root) for option in options) == 1,
        "anyOf": lambda options: any(accepts(option, value, root) for option in options),
        "not": lambda other: not accepts(other, value, root),
        "required": lambda names: not isinstance(value, dict) or all(name in value for name in names),
        "properties": lambda known: (
            not isinstance(value, dict)
            or all(accepts(known[name], inner, root) for name, inner in value.items() if name in known)
        ),
        "additionalProperties": lambda _: (
            not isinstance(value, dict) or value.keys() <= node["properties"].keys()
        ),
        "items": lambda item: (
            not isinstance(value, list) or all(accepts(item, inner, root) for inner in value)
        ),
        "prefixItems": lambda each: (
            not isinstance(value, list) or all(map(accepts, each, value, [root] * len(each)))
        ),
        "minItems": lambda least: not isinstance(value, list) or len(value) >= least,
        "maxItems": lambda most: not isinstance(value, list) or len(value) <= most,
        "exclusiveMinimum": lambda low: not isinstance(value, int | float) or value > low,
        "exclusiveMaximum": lambda high: not isinstance(value, int | float) or value < high,
        "minimum": lambda low: not isinstance(value, int | float) or value >= low,
        "maximum": lambda high: not isinstance(value, int | float) or value <= high,
    }
    said = {"$schema", "$defs", "title", "description", "default", "format"}
    return all(checks[word](argument) for word, argument in node.items() if word not in said)


def is_a(value, name):
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    return isinstance(value, kinds[name]) and not (isinstance(value, bool) and name in ("integer", "number"))


def fits(text, **names):
    return accepts(experiment_schema(**names), tomllib.loads(text), experiment_schema(**names))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["trainer=rtrl"],
        ["cell.controller=ntm", "cell.memory=tape"],
        ["trainer.optimizer=sgd", "trainer.schedule={name='cosine', steps=3}"],
        ["trainer.clip_norm=none", "trainer.rule=3", "run.stop_below=1", "task.folder=x"],
    ],
)
def test_the_schema_accepts_every_resolved_experiment(words):
    text = Experiment.compose("copy", "ntm", overrides=words).to_toml()
    assert fits(text)
    assert fits(text, task="copy", cell="ntm")
    assert not fits(text, task="copy", cell="gru")


NAMES = 'task = "copy"\ncell = "ntm"\n'


@pytest.mark.parametrize(
    "text",
    [
        NAMES,
        NAMES + "[trainer.optimizer]\nlr = 1\n",
        NAMES + '[trainer]\noptimizer = "sgd"\n',
        'task = "copy"\n[cell]\nname = "ntm"\n[cell.memory]\nslots = 3\n',
        'task = "copy"\n[cell]\nname = "ntm"\ncontroller = "gru"\n',
    ],
)
def test_the_schema_accepts_short_forms_that_can_be_run(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    assert Experiment.from_toml(path)
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "seed = -1\n" + NAMES,
        'seed = "x"\n' + NAMES,
        "sed = 1\n" + NAMES,
        'task = "copy"\ncell = "lstm"\n',
        'task = "copy"\n[cell]\nname = "ntm"\nhidden_size = 3\n',
        'task = "copy"\n[cell]\nname = "ntm"\n[cell.memory]\nsquares = 3\n',
        NAMES + "[run]\nprogress = 1\n",
        NAMES + "[run]\nbatch_size = 0\n",
        NAMES + '[run]\naccelerator = "cuda"\n',
        NAMES + "[trainer.optimizer]\nnesterov = true\n",
        NAMES + '[trainer.schedule]\nname = "cosine"\n',
        NAMES + '[trainer]\nschedule = "cosine"\n',
    ],
)
def test_the_schema_refuses_what_cannot_be_run(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises((ValueError, LookupError)):
        Experiment.from_toml(path)
    assert not fits(text)


def test_the_schema_describes_options_and_leaves_broken_components_out():
    made = experiment_schema()
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["$defs"]["memory.ntm"]["properties"]["slots"] == {
        "default": 128,
        "description": "N, number of slots",
        "exclusiveMinimum": 0,
        "type": "integer",
    }
    assert "cell.gru" in made["$defs"]
    assert "cell.broken" not in made["$defs"]
    refs = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(made)))
    assert refs <= set(made["$defs"])


def test_schema_prints_json_and_can_be_narrowed():
    assert json.loads(shown(schema)) == experiment_schema()
    narrow = json.loads(shown(schema, "copy", "gru"))
    assert narrow["properties"]["cell"]["oneOf"][0] == {"enum": ["gru"]}
    with pytest.raises(UnknownComponent, match="there is no cell 'grru'"):
        CliRunner().invoke(schema, ["copy", "grru"], catch_exceptions=False)
