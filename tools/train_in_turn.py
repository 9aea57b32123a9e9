"""Train several experiments one after another in the same processes.

python tools/train_in_turn.py OUT DEVICES FILE

FILE holds JSON, name -> the words after `recurra train`. Started by torchrun, every process is one rank of
all of them.
"""

import json
import sys
from pathlib import Path

from recurra_lab.cli import main

out, devices, file = sys.argv[1:]
for name, words in json.loads(Path(file).read_text()).items():
    main(["train", *words, "--devices", devices, "--out", f"{out}/{name}"], standalone_mode=False)
