"""Installed plugins are found from metadata alone, whatever state that metadata is in."""

import sys

import pytest

from recurra.plugins.inventory import inventory


def found(world):
    return inventory([str(world.path)])


def sentences(world):
    return [str(defect) for defect in found(world).defects]


def test_nothing_is_imported(world):
    module = world.add("acme-cells", "raise RuntimeError('imported')")
    (source,) = found(world).sources
    assert (source.dist, source.version, source.summary) == ("acme-cells", "1.0", "acme-cells is made up")
    assert source.label == "acme-cells:main"
    assert source.target == module
    assert module not in sys.modules


def test_a_distribution_that_is_listed_twice_counts_once(world, tmp_path):
    world.add_good()
    other = tmp_path / "other"
    other.mkdir()
    world.add_good(version="2.0", folder=other)
    assert [s.version for s in inventory([str(world.path), str(other)]).sources] == ["1.0"]


@pytest.mark.parametrize("group", ["recurra.cells", "recurra_plugins", "Recurra", "recura", "recurra-cells"])
def test_an_unknown_group_is_named_with_the_right_one(world, group):
    world.add("acme-cells", "", entry_points=f"[{group}]\nmine = acme_cells\n")
    right = "plugins belong in 'recurra', engines in 'recurra.engines'"
    expected = f"acme-cells:mine: unknown entry-point group '{group}'; {right}"
    assert sentences(world) == [expected]


@pytest.mark.parametrize("group", ["recurring", "console_scripts", "pytest11"])
def test_other_groups_are_nobody_elses_business(world, group):
    world.add("recurra-like", "", entry_points=f"[{group}]\nrecurra = recurra_like\n")
    assert found(world).sources == found(world).defects == ()


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("recurra-core>=0.1,<0.2", True),
        ("Recurra_Core", True),
        ("recurra-core>=99; extra == 'later'", True),
        ("recurra-core>=99; python_version < '3'", True),
        ("recurra-core-extras>=99", True),
        ("recurra-core>=99", False),
        ("recurra_core <0.0.1", False),
    ],
)
def test_a_plugin_for_another_core_is_refused(world, requirement, met):
    world.add_good("acme-cells", requires=["torch>=2", requirement])
    assert len(found(world).sources) == met
    if not met:
        assert "acme-cells:main: it needs recurra-core" in sentences(world)[0]
        assert "is installed" in sentences(world)[0]


def test_an_unreadable_requirement_is_named(world):
    world.add_good("acme-cells", requires=["recurra-core >>= 1"])
    assert "its requirement 'recurra-core >>= 1' cannot be parsed" in sentences(world)[0]


def test_malformed_entry_points_stop_nobody(world):
    world.add_good()
    world.add("acme-cells", "", entry_points="[recurra]\nno equals sign\n")
    assert [source.dist for source in found(world).sources] == ["good-cells"]
    assert sentences(world)[0].startswith("acme-cells:entry_points.txt: cannot be read")


def test_half_removed_distributions_stop_nobody(world):
    world.add_good()
    world.add_good("acme-cells")
    next(world.path.glob("acme*/METADATA")).unlink()
    world.add_good("noise-cells")
    next(world.path.glob("noise*/entry_points.txt")).write_bytes(b"\xff\xfe[recurra]")
    assert [source.dist for source in found(world).sources] == ["good-cells", "unnamed"]


def test_the_block_list_and_the_allow_list(world, monkeypatch):
    world.add_good("acme-cells")
    world.add_good("good-cells")
    monkeypatch.setenv("RECURRA_BLOCK", "Acme_Cells, ")
    assert [source.dist for source in found(world).wanted] == ["good-cells"]
    assert [source.blocked for source in found(world).sources] == ["blocked by RECURRA_BLOCK", ""]
    monkeypatch.delenv("RECURRA_BLOCK")
    monkeypatch.setenv("RECURRA_PLUGINS", "acme-cells")
    assert [source.dist for source in found(world).wanted] == ["acme-cells"]
    assert found(world).defects == ()


def test_an_engine_is_found_and_blocked_and_the_list_of_plugins_does_not_concern_it(world, monkeypatch):
    module = world.add(
        "acme-engine", "raise OSError", entry_points="[recurra.engines]\nfast = acme_engine:E\n"
    )
    monkeypatch.setenv("RECURRA_PLUGINS", "none")
    assert found(world).sources == ()
    (engine,) = found(world).engines
    assert (engine.label, engine.version, engine.blocked) == ("acme-engine:fast", "1.0", "")
    assert module not in sys.modules
    monkeypatch.delenv("RECURRA_PLUGINS")
    monkeypatch.setenv("RECURRA_BLOCK", "acme-engine")
    assert [engine.blocked for engine in found(world).engines] == ["blocked by RECURRA_BLOCK"]
    assert found(world).defects == ()


def test_a_blocked_plugin_has_no_defects(world, monkeypatch):
    world.add_good("acme-cells", requires=["recurra-core>=99"])
    world.add("acme-tasks", "", entry_points="[recurra.tasks]\nmine = acme_tasks\n")
    monkeypatch.setenv("RECURRA_BLOCK", "acme-cells,acme-tasks")
    assert [str(defect) for defect in found(world).defects if defect.dist != "acme-tasks"] == []


@pytest.mark.parametrize("variable", ["RECURRA_BLOCK", "RECURRA_PLUGINS"])
def test_a_misspelt_list_is_noticed(world, monkeypatch, variable):
    world.add_good("acme-cells")
    monkeypatch.setenv(variable, "acme-cell")
    assert sentences(world) == [
        f"acme-cell:{variable}: no plugin of that name is installed; did you mean 'acme-cells'?"
    ]
