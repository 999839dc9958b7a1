"""A board as the JSON that Grafana reads. `make dashboards-check` holds it to Grafana's own types."""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from grafana.board import Board, Kind, Panel, Place, Query, Row, arrange

Json: TypeAlias = Mapping[str, object]

UID = "holdfast-{}"
_SCHEMA_VERSION = 41  # Grafana 12; newer ones migrate it as they load it
_DATASOURCE = {"type": "prometheus", "uid": "prometheus"}  # as provisioned
_GREEN, _RED = "green", "red"
_LINKS = {
    "title": "Holdfast",
    "type": "dashboards",
    "tags": ["holdfast"],
    "icon": "external link",
    "tooltip": "The other boards",
    "asDropdown": False,
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
}


def render(board: Board) -> str:
    """The text of a dashboard's file; the same for the same board."""
    dashboard = {
        "uid": UID.format(board.name),
        "title": f"Holdfast: {board.title}",
        "description": board.tells,
        "tags": ["holdfast"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": False,  # the source is in the repository
        "graphTooltip": 1,  # one cross-hair in all panels
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [_LINKS],
        "panels": list(_panels(board)),
    }
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def _panels(board: Board) -> Iterator[Json]:
    for number, (one, place) in enumerate(arrange(board), start=1):
        where = {"id": number, "gridPos": _grid(place)}
        if isinstance(one, Row):
            yield {**where, "type": "row", "title": one.title, "collapsed": False, "panels": []}
        else:
            yield {**where, **_panel(one)}


def _grid(place: Place) -> Json:
    return {"x": place.x, "y": place.y, "w": place.width, "h": place.height}


def _panel(panel: Panel) -> Json:
    common = {
        "type": panel.kind.value,
        "title": panel.title,
        "description": panel.tells,
        "datasource": _DATASOURCE,
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
    }
    look = {Kind.FIGURE: _figure, Kind.CURVES: _curves, Kind.TABLE: _table}[panel.kind]
    return {**common, **look(panel)}


def _target(panel: Panel, number: int, query: Query) -> Json:
    target = {"refId": _letter(number), "datasource": _DATASOURCE, "expr": query.promql}
    if panel.kind is Kind.CURVES:
        return {**target, "range": True, "legendFormat": query.name}
    if panel.kind is Kind.TABLE:
        return {**target, "instant": True, "format": "table"}
    return {**target, "range": True}


def _letter(number: int) -> str:
    return chr(ord("A") + number)


def _figure(panel: Panel) -> Json:
    return {
        "fieldConfig": {"defaults": {**_defaults(panel), "color": {"mode": "thresholds"}}, "overrides": []},
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "orientation": "auto",
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "textMode": "value",
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
        },
    }


def _curves(panel: Panel) -> Json:
    has_limit = panel.red_from is not None or panel.red_below is not None
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if panel.is_stacked else 8,
        "showPoints": "never",
        "spanNulls": False,  # a gap is a scrape that failed, and should look like one
        "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if has_limit else "off"},
    }
    return {
        "fieldConfig": {
            "defaults": {**_defaults(panel), "min": 0, "color": {"mode": "palette-classic"}, "custom": custom},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _table(panel: Panel) -> Json:
    columns = {f"Value #{_letter(number)}": query for number, query in enumerate(panel.queries)}
    return {
        "fieldConfig": {
            "defaults": {"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}},
            "overrides": [
                {"matcher": {"id": "byName", "options": query.name}, "properties": [{"id": "unit", "value": query.unit}]}
                for query in panel.queries
            ],
        },
        "options": {
            "showHeader": True,
            "frameIndex": 0,
            "cellHeight": "sm",
            "sortBy": [{"displayName": panel.queries[0].name, "desc": True}],
        },
        "transformations": [
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {"excludeByName": {"Time": True}, "renameByName": {name: query.name for name, query in columns.items()}},
            },
        ],
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": _GREEN, "value": None}]
    if panel.red_from is not None:
        steps.append({"color": _RED, "value": panel.red_from})
    if panel.red_below is not None:
        steps = [{"color": _RED, "value": None}, {"color": _GREEN, "value": panel.red_below}]
    return {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
