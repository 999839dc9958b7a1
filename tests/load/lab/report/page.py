"""The page: figures as people read them, put into the template."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tests.load.lab.report.ladder import answer, cpu_kinds, ladder
from tests.load.lab.report.timeline import timelines
from tests.load.lab.results import GENERATOR_SHARE_MAX, Report

HERE = Path(__file__).parent
NONE = "-"


def render(report: Report) -> str:
    """The whole page. It holds its style and its pictures, and needs nothing else."""
    loader = FileSystemLoader(HERE)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "ms": milliseconds}
    return environment.get_template("report.html").render(
        style=(HERE / "report.css").read_text(encoding="utf-8"),
        report=report,
        answer=answer(report),
        ladder=ladder(report),
        cpu_kinds=cpu_kinds(report),
        scenes=[(scene, timelines(scene)) for scene in report.scenes],
        generator_share_max=GENERATOR_SHARE_MAX,
    )


def number(value: float | None) -> str:
    """With as many digits as mean something."""
    if value is None:
        return NONE
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
