"""The shop against any Holdfast: `python -m deploy.local.traffic --url http://proxy --credentials FILE`.

The file is like `.run/credentials.json`: accounts that exist there, by name, each with its email and password.
"""

import argparse
import sys
from pathlib import Path

from deploy.local import credentials
from deploy.local.traffic import shop
from deploy.local.trouble import Trouble


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.local.traffic", description="Play a small shop against a running Holdfast.")
    parser.add_argument("--url", required=True, help="where it answers, for example http://127.0.0.1:8000")
    parser.add_argument("--credentials", type=Path, required=True, help="the accounts, as JSON")
    shop.add_options(parser)
    options = parser.parse_args()
    try:
        shop.run(options.url, credentials.load(options.credentials), shop.terms_of(options))
    except Trouble as trouble:
        print(f"Not done: {trouble}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
