"""One module per page. A page is a template, its Bokeh roots, and what its session sends."""
