"""`python -m deploy.monitoring.check` asks promtool whether the rules are right and do what their tests say, and amtool about its file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_WHERE_FROM = (
    "they come with Prometheus and Alertmanager (https://prometheus.io/download, or the packages prometheus and prometheus-alertmanager)"
)


def main() -> None:
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool is None or shutil.which(promtool) is None:
        sys.exit(f"Nothing was checked: no promtool. Put it into the PATH, or say make rules PROMTOOL=/path/to/promtool; {_WHERE_FROM}.")
    failed = [command for command in _commands(promtool) if subprocess.run(command, check=False).returncode]
    if failed:
        sys.exit(f"Failed: {'; '.join(' '.join(map(str, command[:3])) for command in failed)}")
    print("The rules are right and do what their tests say.")


def _commands(promtool: str) -> list[list[str | Path]]:
    commands: list[list[str | Path]] = [
        [promtool, "check", "config", _HERE / "prometheus.yml"],  # and the rules that it names
        [promtool, "test", "rules", *sorted((_HERE / "rules_tests").glob("*.yml"))],
    ]
    amtool = shutil.which("amtool", path=f"{Path(promtool).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if amtool is None:
        print(f"alertmanager.yml is not checked: no amtool beside promtool or in the PATH; {_WHERE_FROM}.")
        return commands
    return [*commands, [amtool, "check-config", _HERE / "alertmanager.yml"]]


if __name__ == "__main__":
    main()
