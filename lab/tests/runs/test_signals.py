"""Whatever signal asks a run to leave, the last good state is kept and one sentence says how to go on."""

import os
import signal
import threading

import pytest
from torch.utils.data import get_worker_info

from recurra_lab.artifacts.checkpoint import newest_intact
from recurra_lab.errors import NonFinite, RunFailed
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted, SignalFlag
from recurra_lab.training import stop_signals


def at_step(run, step, act):
    """Let something happen in the training step of a run."""
    learn = run.parts.module.training_loss

    def learned(batch):
        if int(run.parts.module.batches_seen) == step:
            act()
        return learn(batch)

    run.parts.module.training_loss = learned


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"])
def test_every_signal_saves_and_leaves(start, name):
    signum = getattr(signal, name)
    folder, run, _ = start("run.checkpoint_every=100")
    before = signal.getsignal(signum)
    at_step(run, 3, lambda: os.kill(os.getpid(), signum))
    with pytest.raises(Interrupted, match="interrupted after step 3; a checkpoint was saved") as caught:
        run.start()
    assert caught.value.exit_code == 128 + signum
    assert newest_intact(folder.checkpoints, pytest.fail).step == 3
    assert signal.getsignal(signum) is before


def test_a_second_sigint_leaves_at_once_with_a_sentence(start):
    folder, run, _ = start("run.checkpoint_every=1")

    def twice():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    at_step(run, 3, twice)
    with pytest.raises(Interrupted, match="interrupted again; only the earlier checkpoints are kept"):
        run.start()
    assert newest_intact(folder.checkpoints, pytest.fail).step == 2


def test_a_signal_during_the_evaluation_leaves_with_a_sentence(start, monkeypatch):
    folder, run, _ = start("run.suite_batches=2")
    evaluate = type(run.parts.task).evaluate

    def interrupted(*arguments):
        if folder.outcome.exists():
            os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(run.parts.task), "evaluate", interrupted)
        with pytest.raises(Interrupted, match="during the evaluation; the trained model was saved; resume with"):
            run.start()
    assert not folder.scores.exists()
    assert Run(run.experiment, folder, print).resume().scores


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalFlag() as flag:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert not flag.received
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_may_be_in_a_thread(start):
    _, run, _ = start()
    found = []
    thread = threading.Thread(target=lambda: found.append(run.start()))
    thread.start()
    thread.join(60)
    assert found[0].outcome.steps == 6


def test_a_signal_to_the_whole_group_saves_too(start):
    folder, run, _ = start("run.workers=2", "run.checkpoint_every=100")
    batch = type(run.parts.task).batch

    def drawn(task, k, **options):
        if get_worker_info() is not None and k == 4:
            os.kill(os.getpid(), signal.SIGTERM)  # as a signal to the group, which every worker receives
        return batch(task, k, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run.parts.task), "batch", drawn)
        at_step(run, 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            run.start()
    assert newest_intact(folder.checkpoints, pytest.fail).step == 5


def test_a_killed_worker_is_one_sentence(start, monkeypatch):
    folder, run, _ = start("run.workers=1", "run.checkpoint_every=1")
    batch = type(run.parts.task).batch

    def drawn(task, k, **options):
        if get_worker_info() is not None and k == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(task, k, **options)

    monkeypatch.setattr(type(run.parts.task), "batch", drawn)
    with pytest.raises(
        RunFailed, match=rf"a data-loading process ended.*recurra resume {folder.path} run\.workers=0"
    ):
        run.start()


def test_a_worker_ends_at_the_second_sigterm():
    known = {signum: signal.getsignal(signum) for signum in stop_signals.STOP_SIGNALS}
    try:
        stop_signals.ignore_in_worker(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for signum, handler in known.items():
            signal.signal(signum, handler)


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        ("adam", "at step 1 a parameter became non-finite"),
        ("sgd", r"an update became infinite \(.*without overflow\)"),
    ],
)
def test_a_rate_beyond_the_range_of_the_weights_is_one_sentence(start, optimizer, told):
    _, run, _ = start(f"trainer.optimizer={optimizer}", "trainer.optimizer.lr=1e308")
    with pytest.raises(NonFinite, match=f"{told}.*no earlier checkpoint exists; start again with another"):
        run.start()
