"""The page of a run that was: `python -m tests.load.lab.report .run/load/report.json` writes report.html beside it."""

import argparse
from pathlib import Path

from tests.load.lab.report.page import render
from tests.load.lab.results import from_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path)
    source: Path = parser.parse_args().json
    page = source.with_suffix(".html")
    page.write_text(render(from_json(source.read_bytes())), encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
