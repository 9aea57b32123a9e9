"""Configuration of the documentation; build it with `make docs`."""

import os
import sys
from pathlib import Path

import recurra

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ["HF_HUB_OFFLINE"] = "1"  # a build needs no network
os.environ["RECURRA_DEFAULTS"] = ""  # and does not depend on the user's defaults

project = "recurra"
author = "The recurra developers"
project_copyright = author
version = release = recurra.__version__
extensions = ["myst_nb", "sphinx_copybutton", "recurra_site"]
exclude_patterns = ["_build", "_ext", "**/.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb"}
html_theme = "furo"
html_title = "recurra"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path: list[str] = []
pygments_dark_style = "monokai"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "force"  # runs the notebooks alone: other pages are not in notebook format
nb_execution_timeout = 1200
nb_execution_raise_on_error = True
nb_execution_show_tb = True
suppress_warnings = [
    "misc.highlighting_failure",  # fragments of code, such as a signature with its ellipsis
    "mystnb.unknown_mime_type",
]
