"""Settings of the docs site: `sphinx-build -W docs site` reads them, and needs no network.

The notebook of the notes is run; formulas become MathML, which every browser draws by itself.
"""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "gradscale"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "gradscale"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give types, with shapes
napoleon_google_docstring = False


def _mathml(self: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula as MathML."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    # The converter knows the starred environment only; without numbers the two look the same.
    text = node.astext().replace("{aligned}", "{align*}")
    self.body.append(convert(text, display=display))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Draw formulas without a script from elsewhere."""
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))


html_math_renderer = "mathml"
