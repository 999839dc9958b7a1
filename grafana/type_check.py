"""`python -m grafana.type_check` holds the dashboards to Grafana's own types: its npm package, read by the TypeScript compiler."""

import shutil
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PLACE = _HERE.parent / ".run" / "grafana-schema"  # packages stay there, so the second time is quick
_PACKAGES = ("@grafana/schema@13.2.3", "typescript@7.0.2")


def main() -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("Nothing was checked: this needs npm, which comes with node (https://nodejs.org, or your system's package nodejs).")
    _PLACE.mkdir(parents=True, exist_ok=True)
    installed = subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", _PLACE, *_PACKAGES], check=False)
    if installed.returncode:
        sys.exit(f"Nothing was checked: npm could not install {' and '.join(_PACKAGES)}; it says why with: npm install {_PACKAGES[0]}")
    compiler = _PLACE / "node_modules" / ".bin" / "tsc"
    options = ("--noEmit", "--strict", "--module", "nodenext", "--pretty", "false")
    checked = [_as_typescript(file) for file in sorted((_HERE / "dashboards").glob("*.json"))]
    if subprocess.run([compiler, *options, *checked], check=False).returncode:
        sys.exit(1)
    print(f"{len(checked)} dashboards are what Grafana's types say.")


def _as_typescript(dashboard: Path) -> Path:
    """A program that consists of the dashboard and of the claim that it is one."""
    shutil.copy(_HERE / "schema.ts", _PLACE)
    program = _PLACE / f"{dashboard.stem}.ts"
    text = dashboard.read_text(encoding="utf-8")
    program.write_text(f"import type {{ Dashboard }} from './schema.js';\nexport const dashboard: Dashboard = {text};\n", encoding="utf-8")
    return program


if __name__ == "__main__":
    main()
