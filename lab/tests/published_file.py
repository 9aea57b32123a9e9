"""A small experiment file with the claim of a paper."""

FILE = """
seed = 5
[task]
name = "copy"
max_length = 2
[cell]
name = "lstm"
hidden_size = 4
[run]
batch_size = 4
max_steps = 4
validate_every = 2
validation_batches = 1
suite_batches = 1
evaluation_batch_size = 4
[reproduce]
paper = "Graves 2014, section 4.1"
claim = "an LSTM copies two vectors"
protocol = "reduced"
departs = ["Only four units."]
seeds = 2
minutes = 0.1
[reproduce.success]
measure = "scores.length-10.bit_errors"
below = 1000
runs = "all"
trust = "N"
source = "table 1"
[[reproduce.numbers]]
what = "sequences"
ours = "outcome.sequences"
statistic = "median"
published = 8440
trust = "V"
source = "figure 3"
better = "smaller"
[[reproduce.numbers]]
what = "wrong bits"
ours = "scores.length-10.bit_errors"
published = "few"
trust = "M"
source = "from memory"
[[reproduce.numbers]]
what = "last loss"
ours = "metrics.train/loss"
"""


def without_success(text):
    """Return a file without its test of success."""
    before, _, after = text.partition("[reproduce.success]")
    return before + after[after.index("[[") :]
