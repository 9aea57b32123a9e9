"""Note down what data the installed tasks give now: `python tools/regenerate_fingerprints.py`.

Run it after a new task or variant was added, or after data was changed on purpose and `version` was raised.
"""

import json
from pathlib import Path

from recurra.plugins.registry import components, load
from recurra_contract.fingerprints import fingerprints

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "fingerprints.json"

if __name__ == "__main__":
    golden = {}
    for offer in components("task"):
        task = load("task", offer.qualified)()
        golden[offer.qualified] = {"version": task.version, "fingerprints": fingerprints(task)}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", "utf-8")
