"""Run `mypy --strict` on the sources of every package, one package at a time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Return how many packages have findings."""
    sources = [
        *(ROOT / name / "src" for name in ("core", "wrappers", "engine", "lab", "contract")),
        *sorted(ROOT.glob("integrations/*/src")),
        *sorted(ROOT.glob("plugins/*/*/src")),
    ]
    failed = [s for s in sources if subprocess.run([sys.executable, "-m", "mypy", s], cwd=ROOT).returncode]
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
