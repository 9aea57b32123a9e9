"""The code of the page on scikit-learn runs, top to bottom, and its table has the parameters and defaults."""

import inspect
import re
from pathlib import Path

from recurra_sklearn import SequenceClassifier

PAGE = (Path(__file__).parents[1] / "docs" / "scikit-learn.md").read_text("utf-8")
WORDS = {None: "none", False: "false"}


def test_its_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        quick = re.sub(r"max_updates=\d+", "max_updates=2", block)
        exec(compile(quick, "scikit-learn.md", "exec"), made)
    assert set(made["classifier"].classes_) == {"up", "down"}
    assert len(made["scores"]) == 2
    assert not list(tmp_path.iterdir())


def test_its_table_has_every_parameter_with_its_default():
    table = PAGE[PAGE.index("| parameter |") :].partition("\n\n")[0]
    for name, parameter in list(inspect.signature(SequenceClassifier).parameters.items()):
        (row,) = (line for line in table.splitlines() if f"`{name}`" in line)
        default = parameter.default
        shown = WORDS[default] if default is None or default is False else default
        assert str(shown) in row, name
