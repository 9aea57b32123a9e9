"""The live page: what it says of runs, to whom, and that it only reads."""

import http.client
import json
import os
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from recurra import InvalidOption, MissingFile
from recurra_lab.cli import main
from recurra_lab.watching.page import LivePage
from recurra_lab.watching.progress import MOST_POINTS, QUIET_S, progress_below, thinned
from recurra_lab.watching.server import Server
from recurra_lab.watching.sparkline import HEIGHT, MARGIN, WIDTH, sparkline

NOW = 1_800_000_000.0
"""Long after any test, so that what logs then runs."""
EXPERIMENT = 'seed = 7\n[task]\nname = "<copy>"\n[cell]\nname = "gru"\n[trainer]\nname = "bptt"\n'


@pytest.fixture
def runs(tmp_path):
    """One run that logs, one that has ended, one that is silent and one that is damaged."""
    for age, name in enumerate(("running", "ended", "silent", "damaged")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "experiment.toml").write_text(f"{EXPERIMENT}[run]\nmax_steps = 100\n")
        log(folder, 20, NOW - age - (QUIET_S if name == "silent" else 0))
    (tmp_path / "ended" / "outcome.json").write_text('{"status": "solved", "steps": 20}')
    (tmp_path / "damaged" / "metrics.csv").write_text("step\nno number\n")
    return tmp_path


def log(folder, steps, when):
    """Log a loss that halves with every step; the last row is still being written."""
    rows = "".join(f"{step},train/loss,{2.0**-step}\n" for step in range(1, steps + 1))
    path = folder / "metrics.csv"
    path.write_text(f"step,metric,value\n{rows}{steps},validation/error,0.5\n{steps},train/gra")
    os.utime(path, (when, when))


def test_the_state_of_every_run_is_read_from_its_files(runs):
    found = {os.path.basename(run.path): run for run in progress_below([runs], NOW)}
    assert [(name, run.status) for name, run in found.items()][:3] == [
        ("running", "running"),
        ("ended", "solved"),
        ("silent", "waiting"),
    ]
    assert found["damaged"].status == "damaged"
    run = found["running"]
    assert (run.title, run.seed, run.step, run.steps) == ("<copy> · gru · bptt", 7, 20, 100)
    assert run.latest == {"train/loss": 2.0**-20, "validation/error": 0.5}
    with pytest.raises(MissingFile, match=r"there is no folder .*nowhere; name a run or a folder of runs"):
        progress_below([runs / "nowhere"])


def test_a_long_curve_is_averaged():
    points = [(step, float(step)) for step in range(1, 2 * MOST_POINTS + 2)]
    shown = thinned(points)
    assert len(shown) <= MOST_POINTS
    assert shown[0] == (3, 2.0)
    assert shown[-1][0] == 2 * MOST_POINTS + 1
    assert thinned([]) == []


def test_a_curve_is_drawn_to_scale():
    curve = sparkline("loss", [(0, 1.0), (1, float("nan")), (2, 10.0), (4, 100.0)])
    top, bottom, middle = HEIGHT - (HEIGHT - MARGIN), HEIGHT - MARGIN, HEIGHT / 2
    assert curve.points == f"4.0,{bottom:.1f} {WIDTH / 2:.1f},{middle:.1f} {WIDTH - 4:.1f},{top:.1f}"
    assert (curve.last, curve.alt) == ("100", "loss from 1 to 100 at step 4, on a logarithmic scale")
    assert sparkline("loss", [(1, 0.5)]) is None


def test_the_time_left_follows_from_what_was_seen(runs):
    page = LivePage([runs / "running"])
    assert "20 of 100 updates<" in page.contents()
    log(runs / "running", 40, NOW + 10)  # twenty updates in ten seconds
    assert "40 of 100 updates, about 30 s left" in page.contents()


def test_text_is_escaped_and_nothing_is_loaded_from_elsewhere(runs):
    page = LivePage([runs]).frame()
    assert "&lt;copy&gt;" in page
    assert "<copy>" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "script-src 'sha256-" in page


@contextmanager
def served(roots):
    with Server(LivePage(roots), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server, path="/", method="GET", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_it_answers_this_machine_alone_and_only_reads(runs):
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    with served([runs]) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert asked(server)[1].startswith("<!doctype html>")
        assert asked(server, "/runs", host=f"localhost:{server.server_port}")[0] == 200
        assert asked(server, method="HEAD") == (200, "")
        for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1"):
            assert asked(server, host=host)[0] == 403
        assert asked(server, "/../experiment.toml")[0] == 404
        assert asked(server, method="POST")[0] == 501
        with pytest.raises(InvalidOption, match=f"--port {server.server_port} is in use; choose another"):
            Server(LivePage([runs]), server.server_port)
    assert before == {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}


def test_a_folder_that_is_gone_is_named_in_every_script(runs):
    with served([runs / "läufe 运行\n<b>"]) as server:
        status, answer = asked(server, "/runs")
    assert status == 404
    assert "läufe 运行\n&lt;b&gt;" in answer


def test_the_state_as_json(runs):
    done = CliRunner().invoke(main, ["watch", str(runs / "ended"), "--json"])
    (run,) = json.loads(done.output)
    assert (run["status"], run["step"], run["latest"]["validation/error"]) == ("solved", 20, 0.5)
