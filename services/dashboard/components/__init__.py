"""Panel and Bokeh components. The page's own modules (static/js) draw everything that is not a chart."""
