"""The kit's plumbing: what is shown of a check, in the shell, in pytest and on the page that lists them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import recurra_contract
from recurra.plugins.hooks import KINDS
from recurra_contract import Check, CheckFailed, Contract, Skip, checks
from recurra_contract.docs_page import START, every_check, updated
from recurra_lab.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
HOOK = """
from recurra import Component, hookimpl

@hookimpl
def recurra_components():
    names = {names!r}
    return [Component("task", name.lower(), f"synthetic_parts:{{name}}", "made up") for name in names]
"""
# No other process can import a class that hides in a function, so one slow check is skipped.
PARTS = """
import torch
from recurra_contract import ToyTask

def hidden():
    class Good(ToyTask):
        def goal_scores(self, y, batch):
            values = [self.scores(own, batch)["squared_error"].value for own in y]
            return torch.tensor(values, dtype=torch.float64)

    class Broken(Good):
        def suite(self):
            return {}

    class Excused(Broken):
        contract_expected_failures = {"check_suite_fits_the_model": "variants come later"}

    class Improved(Good):
        contract_expected_failures = {"check_scores_add": "a median does not"}

    class Misspelt(Good):
        contract_expected_failures = {"check_score_add": "a median does not"}

    class Small(Good):
        contract_options = {"length": 2}

    class Half(Good):
        contract_options = {"length": 4}

        def suite(self):
            return {} if self.length == 4 else super().suite()

    return Good, Broken, Excused, Improved, Misspelt, Small, Half

Good, Broken, Excused, Improved, Misspelt, Small, Half = hidden()
"""
ALL = len(checks("task"))
SKIPPED = "check_batch_is_the_same_in_another_process"


@pytest.fixture
def plugin(world):
    """Install a plugin with tasks of these names."""
    (world.path / "synthetic_parts.py").write_text(PARTS)
    world.add("made-up-check", "", entry_points="[recurra]\ncheck = recurra_contract.plugin\n")
    return lambda *names: world.add("made-up", HOOK.format(names=names))


def shell(*arguments):
    result = CliRunner().invoke(main, ["check", "made-up", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout.splitlines()


class TestResult:
    def result(self, function, expected_failure=None):
        return Check(function, make=lambda: None).result(expected_failure)

    def test_a_check_that_returns_has_passed(self):
        assert self.result(lambda make: None).status == "passed"

    def test_a_failed_check_tells_its_sentence(self):
        def check_it(make):
            raise CheckFailed("x must be y")

        result = self.result(check_it)
        assert (result.check, result.status, result.message) == ("check_it", "failed", "x must be y")

    def test_any_other_error_is_a_failure_that_names_it(self):
        result = self.result(lambda make: 1 / 0)
        assert (result.status, result.message) == ("failed", "ZeroDivisionError: division by zero")

    def test_a_skip_tells_its_reason(self):
        def check_it(make):
            raise Skip("it is stochastic")

        assert self.result(check_it).message == "it is stochastic"
        assert self.result(check_it, "known").status == "skipped"

    def test_an_expected_failure_tells_its_reason(self):
        result = self.result(lambda make: 1 / 0, "divides by zero on purpose")
        assert (result.status, result.message) == ("expected failure", "divides by zero on purpose")

    def test_an_expected_failure_that_passes_has_failed(self):
        result = self.result(lambda make: None, "a known bug")
        assert result.status == "failed"
        assert result.message == "it passes, but was expected to fail: a known bug"


class TestShell:
    def test_what_is_sound_passes_and_a_skip_is_shown_and_counted(self, plugin):
        plugin("Good")
        code, (line, skip) = shell()
        assert code == 0
        assert line == f"task good: {ALL - 1} passed, 1 skipped"
        assert skip.startswith(f"  skipped: {SKIPPED}: ")

    def test_a_failure_is_shown_and_counted_and_ends_with_code_1(self, plugin):
        plugin("Broken", "Good")
        code, lines = shell()
        assert code == 1
        assert f"task broken: {ALL - 2} passed, 1 failed, 1 skipped" in lines
        assert "  failed: check_suite_fits_the_model: suite must return at least one variant" in lines
        assert f"task good: {ALL - 1} passed, 1 skipped" in lines

    def test_an_expected_failure_is_shown_and_counted_and_is_no_failure(self, plugin):
        plugin("Excused")
        code, lines = shell()
        assert code == 0
        assert lines[0] == f"task excused: {ALL - 2} passed, 1 skipped, 1 expected failure"
        assert "  expected failure: check_suite_fits_the_model: variants come later" in lines

    def test_an_expected_failure_that_passes_is_a_failure(self, plugin):
        plugin("Improved")
        code, lines = shell()
        assert code == 1
        assert "  failed: check_scores_add: it passes, but was expected to fail: a median does not" in lines

    def test_json_holds_every_result(self, plugin):
        plugin("Broken")
        code, lines = shell("--json")
        (results,) = json.loads("\n".join(lines)).values()
        assert code == 1
        assert [result["check"] for result in results] == [check.__name__ for check in checks("task")]
        (failed,) = [result for result in results if result["status"] == "failed"]
        assert failed["message"] == "suite must return at least one variant"

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ("made-upp", "no plugin 'made-upp' with components is installed; did you mean 'made-up'?"),
            (
                "quite-another",
                "no plugin 'quite-another' with components is installed; installed are made-up",
            ),
        ],
    )
    def test_an_unknown_distribution_gets_one_sentence(self, plugin, asked, told):
        plugin("Good")
        result = CliRunner().invoke(main, ["check", asked])
        assert result.exit_code == 2
        assert told in result.output
        assert "Traceback" not in result.output

    def test_a_defect_is_told(self, world):
        world.add("made-up", "import no_such_module")
        world.add("made-up-check", "", entry_points="[recurra]\ncheck = recurra_contract.plugin\n")
        result = CliRunner().invoke(main, ["check", "made-up"])
        assert result.exit_code == 2
        assert "no_such_module" in result.output

    def test_a_misspelt_expected_failure_is_told(self, plugin):
        plugin("Misspelt")
        result = CliRunner().invoke(main, ["check", "made-up"])
        assert result.exit_code == 2
        assert (
            "there is no check 'check_score_add' of a task; did you mean 'check_scores_add'?" in result.output
        )

    def test_a_component_is_made_with_its_options_for_checks(self, plugin):
        plugin("Small")
        assert Contract.of("task", "small").make().length == 2


@pytest.fixture
def run(world, monkeypatch, capsys):
    """Return what runs pytest in the folder of the world, in this process, and gives back what it says."""
    monkeypatch.chdir(world.path)

    def run(*arguments, code):
        ended = pytest.main(["-p", "no:cacheprovider", "-v", "-ra", *arguments])
        told = "".join(capsys.readouterr())
        assert ended == code, told
        return told

    return run


class TestPytest:
    def test_every_check_is_a_test(self, plugin, world, run):
        plugin("Broken", "Excused", "Improved")
        (world.path / "test_of_the_folder.py").write_text("raise OSError('must not be read')")
        told = run("--recurra", "made-up", code=1)
        assert f"2 failed, {3 * ALL - 6} passed, 3 skipped, 1 xfailed" in told
        assert "task:broken::check_suite_fits_the_model FAILED" in told
        assert "suite must return at least one variant" in told
        assert "The suite has at least one variant" in told
        assert "variants come later" in told
        assert "task:improved::check_scores_add FAILED" in told
        assert "[XPASS(strict)] a median does not" in told
        assert "cannot be imported by its name" in told

    def test_tests_can_be_selected(self, plugin, run):
        plugin("Good")
        told = run("--recurra", "made-up", "-k", "scores_add", code=0)
        assert f"1 passed, {ALL - 1} deselected" in told

    def test_an_unknown_distribution_gets_one_sentence(self, plugin, run):
        plugin("Good")
        told = run("--recurra", "made-upp", code=4)
        assert "did you mean 'made-up'?" in told
        assert "Traceback" not in told

    def test_three_lines_are_a_test_of_the_contract(self, plugin, world, run):
        plugin("Excused")
        lines = '@contract("task", "excused")\ndef test_contract(check):\n    check()\n'
        (world.path / "test_excused.py").write_text(f"from recurra_contract import contract\n\n{lines}")
        told = run("test_excused.py", code=0)
        assert f"{ALL - 2} passed, 1 skipped, 1 xfailed" in told
        assert "test_contract[check_scores_add] PASSED" in told

    def in_forms(self, world, run, name, arguments, code):
        lines = f'@contract("task", "{name}", {arguments})\ndef test_contract(check):\n    check()\n'
        (world.path / "test_forms.py").write_text(f"from recurra_contract import contract\n\n{lines}")
        return run("test_forms.py", code=code)

    def test_each_form_is_checked_with_its_options_and_its_expected_failures(self, plugin, world, run):
        plugin("Half")
        forms = '{"short": {"length": 2}, "long": {}, "known": {}}'
        known = '{"known": {"check_suite_fits_the_model": "variants come later"}}'
        told = self.in_forms(world, run, "half", f"{forms}, {known}", code=1)
        assert f"1 failed, {3 * ALL - 5} passed, 3 skipped, 1 xfailed" in told
        assert "test_contract[short-check_suite_fits_the_model] PASSED" in told
        assert "test_contract[long-check_suite_fits_the_model] FAILED" in told
        assert "test_contract[known-check_suite_fits_the_model] XFAIL" in told
        assert "variants come later" in told

    @pytest.mark.parametrize(
        ("known", "told"),
        [
            ('{"shortt": {}}', "expected_failures: there is no form 'shortt'; did you mean 'short'?"),
            (
                '{"short": {"check_score_add": "why"}}',
                "Good, expected failures: there is no check 'check_score_add' of a task; "
                "did you mean 'check_scores_add'?",
            ),
        ],
    )
    def test_an_expected_failure_of_nothing_is_told(self, plugin, world, run, known, told):
        plugin("Good")
        assert told in self.in_forms(world, run, "good", f'{{"short": {{"length": 1}}}}, {known}', code=2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_says_what_must_hold(kind):
    assert len(checks(kind)) > 5
    for check in checks(kind):
        assert check.__doc__, check.__name__
        assert check.__doc__.strip().endswith("."), check.__name__


def test_the_page_lists_exactly_the_checks_that_there_are():
    page = PAGE.read_text("utf-8")
    assert page == updated(page), "run python -m recurra_contract.docs_page docs/contract.md"


def test_the_page_keeps_what_was_written_by_hand():
    assert updated(f"# By hand\n\n{START}old") == f"# By hand\n\n{START}{every_check()}"


def test_the_package_offers_what_it_names():
    for name in recurra_contract.__all__:
        assert callable(getattr(recurra_contract, name)), name
    with pytest.raises(AttributeError, match="no attribute 'toys_of_all'"):
        _ = recurra_contract.toys_of_all
