"""The image of Holdfast, built, pushed and scanned. Needs Docker with buildx, and nothing but Python's own library.

python -m deploy.pipeline.image build          into the Docker of this machine, as holdfast:local
python -m deploy.pipeline.image push NAME      for both processors to a registry, with a list of what is in it and where it was built
python -m deploy.pipeline.image scan IMAGE     exits 1 over a vulnerability that is high, and that somebody has mended
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from deploy.local.places import ROOT

LOCAL = "holdfast:local"
PLATFORMS = "linux/amd64,linux/arm64"
# Pinned by what it is, as the actions are: it is given the Docker socket.
_SCANNER = "anchore/grype:v0.119.0@sha256:8c2c9234a345577a6d321a4753aa3ee1276d8975c8452d2344a56b57733ecad3"
_SOCKET = Path("/var/run/docker.sock")


def main() -> None:
    parser = argparse.ArgumentParser(description="The image of Holdfast.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="into the Docker of this machine")
    commands.add_parser("push", help="to a registry, for both processors").add_argument("name", help="such as ghcr.io/me/holdfast")
    commands.add_parser("scan", help="for vulnerabilities").add_argument("image", nargs="?", default=LOCAL)
    options = parser.parse_args()
    match options.command:
        case "build":
            _docker(*_build(), "--load", "--tag", LOCAL, ".")
        case "push":
            push(options.name.lower())  # a registry takes no capitals, and owners on GitHub have some
        case _:
            scan(options.image)


def push(name: str) -> None:
    """Print the image by its digest, in lines that a workflow takes as outputs: whoever deploys it gets this one and no other."""
    cache = f"type=registry,ref={name}:cache"
    record = ROOT / ".run" / "image.json"
    record.parent.mkdir(exist_ok=True)
    _docker(
        *(*_build(), "--platform", PLATFORMS, "--sbom=true", "--provenance=mode=max"),
        *("--cache-from", cache, "--cache-to", f"{cache},mode=max"),
        *("--tag", f"{name}:{_version()}", "--metadata-file", str(record), "--push", "."),
    )
    digest = json.loads(record.read_text(encoding="utf-8"))["containerimage.digest"]
    print(f"name={name}\ndigest={digest}\nimage={name}@{digest}")


def scan(image: str) -> None:
    if image != LOCAL:
        _docker("pull", "--quiet", image)  # with what this machine is signed in to; the scanner is not
    _docker("run", "--rm", "--volume", f"{_SOCKET}:{_SOCKET}", _SCANNER, image, "--only-fixed", "--fail-on", "high")


def _build() -> list[str]:
    about = {"VERSION": _version(), "REVISION": _git("rev-parse", "HEAD")}
    arguments = [word for name, value in about.items() for word in ("--build-arg", f"{name}={value}")]
    return ["buildx", "build", "--file", "deploy/docker/Dockerfile", "--target", "holdfast", *arguments]


def _version() -> str:
    """v1.2.0, or v1.2.0-3-g1a2b3c4 three commits later; the commit alone before there is a tag."""
    return _git("describe", "--tags", "--always", "--match", "v[0-9]*")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # noqa: S607


def _docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, stdout=sys.stderr, check=False)  # noqa: S607
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
