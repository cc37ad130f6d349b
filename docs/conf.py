"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from airflow_mljobs import __version__  # noqa: E402

project = "airflow-provider-mljobs"
copyright = "the authors of airflow-provider-mljobs"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "provider"]
exclude_patterns = ["_build"]

# Names of our own must lead somewhere. Those of others are documented elsewhere, and nothing is fetched.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!airflow_mljobs\.).*"),
    ("py:.*", r".*\.[A-Z]"),
    # In signatures only: what a hook is made of.
    ("py:class", r"airflow_mljobs\.hooks\.(kfp_\w+|lists)\..*"),
]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
maximum_signature_line_length = 80
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "airflow-provider-mljobs"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
