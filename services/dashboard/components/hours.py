"""Insects per hour, as a Bokeh chart. Its table stands beside it in the page, for whoever cannot see it.

Labels and grid take their colours from ``--bk-*`` variables of the style sheet, so they follow dark mode by themselves.
"""

from collections.abc import Sequence

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, SingleIntervalTicker
from bokeh.plotting import figure

from services.dashboard.figures import HOURS

BAR = "#3d8c62"  # seen well on paper and at night
FONT = "'Source Sans 3'"
HEADROOM = 1.12
TOP_ROUNDED = {"top_left": 4, "top_right": 4, "bottom_left": 0, "bottom_right": 0}


class HoursChart:
    """24 bars, and the calls that keep them in step with a day's counts."""

    def __init__(self, insects: Sequence[int], tooltips: Sequence[str]) -> None:
        self._values = list(insects)
        self._source = ColumnDataSource(
            {"hour": [hour + 0.5 for hour in range(HOURS)], "insects": self._values[:], "label": list(tooltips)}
        )
        self._height = Range1d(start=0, end=_top(self._values))
        plot = figure(
            name="hours",
            sizing_mode="stretch_both",
            min_width=0,
            min_height=0,
            x_range=Range1d(start=0, end=HOURS),
            y_range=self._height,
            toolbar_location=None,
            tools="",
            background_fill_color=None,
            border_fill_color=None,
            outline_line_color=None,
            min_border_left=28,
            min_border_right=6,
        )
        bars = plot.vbar(  # type: ignore[call-arg]  # Bokeh's stubs lack border_radius
            x="hour",
            top="insects",
            width=0.74,
            source=self._source,
            color=BAR,
            line_color=None,
            border_radius=TOP_ROUNDED,
        )
        hover = '<div class="tip"><b>@insects</b> @label</div>'
        plot.add_tools(HoverTool(renderers=[bars], tooltips=hover, point_policy="follow_mouse", attachment="above"))
        for axis in (plot.xaxis, plot.yaxis):
            axis.axis_line_color = None
            axis.major_tick_line_color = None
            axis.minor_tick_line_color = None
            axis.major_label_text_font = FONT
            axis.major_label_text_font_size = "13px"
        plot.xaxis.ticker = FixedTicker(ticks=[0, 3, 6, 9, 12, 15, 18, 21, 24])
        self._ticks = SingleIntervalTicker(interval=_interval(self._values))
        plot.yaxis.ticker = self._ticks
        plot.xgrid.grid_line_color = None
        plot.ygrid.grid_line_color = "#8a938a"
        plot.ygrid.grid_line_alpha = 0.25
        self.plot = plot

    def show(self, insects: Sequence[int]) -> None:
        """Bring the bars up to date: single cells, so that one more insect is a message of some bytes."""
        changed = [(hour, value) for hour, value in enumerate(insects) if value != self._values[hour]]
        if not changed:
            return
        self._values = list(insects)
        self._source.patch({"insects": changed})
        self._height.end = _top(self._values)
        self._ticks.interval = _interval(self._values)


def _top(values: Sequence[int]) -> float:
    return max(4.0, max(values) * HEADROOM)


def _interval(values: Sequence[int]) -> int:
    """Return a round step that gives at most five lines."""
    most, step = max(4, *values), 1
    while most / step > 5:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2  # 1, 2, 5, 10, 20, 50, ...
    return step
