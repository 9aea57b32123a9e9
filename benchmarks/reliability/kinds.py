"""Kinds of runs that are killed: every trainer, data of every sort, several processes, and runs of runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processes import Fresh, Group

SMALL = (
    "run.max_steps=20",
    "run.checkpoint_every=4",
    "run.validate_every=5",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.batch_size=4",
    "run.evaluation_batch_size=4",
    "run.progress=false",
)
COPY = ("copy", "lstm", "cell.hidden_size=8", "task.max_length=4")
SHORT = ("run.max_steps=6", "run.checkpoint_every=2", "run.validate_every=2")
STREAM = ("language-model", "gru", "cell.hidden_size=8", "task.window=10")


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    Args:
        words: The command; runs that it starts are in `--out`.
        ranks: How many processes train together.
        group: How its processes are started.
        processes: Further words, the same for each run.
    """

    words: tuple[str, ...]
    ranks: int = 1
    group: type[Group] = Group

    def command(self, root: Path) -> list[str]:
        """Return the words that start the run."""
        return [*self.words[:3], *SMALL, *self.words[3:], "--out", str(root)]

    def again(self, root: Path) -> list[str]:
        """Return the words that go on with it: those that started it, where nothing was saved."""
        runs = runs_of(root)
        if self.words[0] != "train" or not runs:
            return self.command(root)
        return ["resume", str(runs[0])]


def runs_of(root: Path) -> list[Path]:
    """Return the folders of all runs below a folder."""
    return sorted(
        {file.parent for file in root.rglob("experiment.toml") if (file.parent / "checkpoints").is_dir()}
    )


def train(*words: str, ranks: int = 1, group: type[Group] = Group) -> Kind:
    """Return the kind of one training run; later words win over those of all runs."""
    return Kind(("train", *words), ranks, group)


KINDS = {
    "bptt, generated sequences": train(*COPY),
    "bptt, noise, average, schedule, patience": train(
        *COPY,
        "trainer.weight_noise=0.1",
        "trainer.averaging=ema",
        "trainer.schedule=cosine",
        "trainer.schedule.steps=20",
        "run.early_stop_patience=9",
        "model.layers=2",
        "model.dropout=0.2",
    ),
    "bptt, 2 loader processes": train(*COPY, "run.workers=2"),
    "bptt, 2 ranks": train(*COPY, "run.devices=2", ranks=2),
    "truncated bptt, stream of text": train(*STREAM),
    "truncated bptt, stream of text, 2 ranks": train(*STREAM, "run.devices=2", ranks=2),
    "truncated bptt, endless stream": train(
        "continual-reber",
        "lstm",
        "cell.hidden_size=8",
        "task.length=50",
        "task.test_length=50",
        "trainer.k1=10",
    ),
    "bptt, corpus": train("tagging", "gru", "cell.hidden_size=8"),
    "bptt, corpus, 2 loader processes": train(
        "sequence-regression", "gru", "cell.hidden_size=8", "run.workers=2"
    ),
    "bptt, trees": train("boolean-trees", "tree-lstm", "cell.hidden_size=4", *SHORT),
    "rtrl": train("copy", "elman", "cell.hidden_size=4", "task.max_length=3", "trainer=rtrl"),
    "guessing": train("parity", "elman", "cell.hidden_size=2", "trainer=guessing", "trainer.guesses=21"),
    "evolution, CMA-ES": train("xor-in-time", "elman", "cell.hidden_size=2", "trainer=evolution"),
    "evolution, NEAT": train(
        "entm-copy",
        "evolving-ntm",
        "task.bits=2",
        "cell.output_size=2",
        "model.readout=none",
        "trainer=evolution",
        "trainer.algorithm=neat",
        "trainer.population=9",
    ),
    "hebbian": train("facts", "binding", "trainer=hebbian"),
    "history compression": train(
        "chunker-stream", "history-compressor", "trainer=history-compression", *SHORT
    ),
    "force": train(
        "copy", "leaky-echo-state", "cell.density=1.0", "cell.feedback=8", "trainer=force", *SHORT
    ),
    "rls": train("copy", "leaky-echo-state", "cell.density=1.0", "trainer=rls"),
    "max-margin": train(
        "scenes",
        "recursive",
        "task.form=graph",
        "cell.scoring=true",
        "trainer=max-margin",
        *SHORT,
    ),
    "sweep": Kind(("sweep", *COPY, "cell.hidden_size=4,8", "--seeds", "2")),
    "reproduction": Kind(("reproduce", "smolensky1990/facts", "--seeds=2")),
    "bptt, fresh interpreters": train(*COPY, group=Fresh),
}
