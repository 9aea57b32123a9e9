"""Write the page of every recorded experiment again: `python tools/regenerate_reproductions.py`.

Run it after a claim in an experiment file was changed; it measures nothing.
"""

from pathlib import Path

from recurra_lab.reproductions.archive import RECORDS, recorded, save_page

FOLDER = Path(__file__).parents[1] / RECORDS

if __name__ == "__main__":
    for claim, record in recorded(FOLDER):
        save_page(claim, record, FOLDER)
