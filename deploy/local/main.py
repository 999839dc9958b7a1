"""The commands of the local stack: `python -m deploy.local.main COMMAND`; the Makefile names them."""

import argparse
import sys
from collections.abc import Callable

from deploy.local import bulk, commands, credentials, demo, environment, inspection, mail_preview, psql
from deploy.local.console import bad
from deploy.local.live import picture
from deploy.local.places import PLACES
from deploy.local.traffic import shop
from deploy.local.trouble import Misuse, Trouble

UNTIL_INTERRUPTED = {"up", "dev", "logs", "status", "traffic"}  # Ctrl-C is how these end
MISUSED = 2  # what argparse makes of words that it does not know
INTERRUPTED = 130  # what a shell makes of SIGINT: the work was not done


def main() -> None:
    options = _parser().parse_args()
    try:
        options.run(options)
    except Trouble as trouble:
        print(f"{bad('Not done:')} {trouble}", file=sys.stderr)
        sys.exit(MISUSED if isinstance(trouble, Misuse) else 1)
    except KeyboardInterrupt:
        sys.exit(0 if options.command in UNTIL_INTERRUPTED else INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy.local", description="The local stack of Holdfast.")
    names = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = names.add_parser(name)
        added.set_defaults(run=run)
        return added

    starting = [
        command("up", lambda options: commands.up(is_for_load=options.load)),
        command("start", lambda options: commands.start(is_for_load=options.load)),
        command("dev", lambda options: commands.dev(prints_sql=options.sql, is_for_load=options.load)),
    ]
    for one in starting:
        one.add_argument("--load", action="store_true", help="multiply every limit and quota")
    starting[-1].add_argument("--sql", action="store_true")
    command("stop", lambda _: commands.stop())
    command("down-hard", lambda options: commands.down_hard(is_agreed=options.yes)).add_argument("--yes", action="store_true")
    command("status", lambda _: picture.show())
    command("logs", lambda options: inspection.follow_logs(options.name)).add_argument("--name")
    command("mail", lambda options: inspection.mail(options.number)).add_argument("--number", type=int)
    command("mails", lambda _: mail_preview.run())
    command("token", lambda options: inspection.token(options.role)).add_argument("role")
    command("psql", lambda _: psql.run())
    command("demo", lambda _: demo.run())
    command("seed", lambda options: bulk.run(options.size)).add_argument("--size", required=True)
    shop.add_options(command("traffic", _traffic))
    return parser


def _traffic(options: argparse.Namespace) -> None:
    shop.run(environment.load(PLACES).api_url, credentials.load(PLACES.credentials), shop.terms_of(options))


if __name__ == "__main__":
    main()
