"""Without these, a deployment is called good by a check that looks at nothing, or a good one is rolled back."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

from tests.deploy.clone import COMMAND_SECONDS_MAX, Clone
from tests.support.program import free_port


def smoke(clone: Clone, *, url: str, credentials: Path | None) -> "subprocess.CompletedProcess[str]":
    options = ["--url", url, "--mailpit", f"http://127.0.0.1:{free_port()}", *(["--credentials", str(credentials)] if credentials else [])]
    command = [sys.executable, "-m", "deploy.local.smoke", *options]
    return subprocess.run(command, cwd=clone.root, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS_MAX)


def test_an_installation_that_works_passes(stack: Clone) -> None:
    outcome = smoke(stack, url=stack.api_url, credentials=stack.places.credentials)

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.endswith("works.\n")


def test_what_it_ordered_it_gives_back(stack: Clone) -> None:
    smoke(stack, url=stack.api_url, credentials=stack.places.credentials)

    token = stack.run("token", "customer").stdout.strip()
    answer = httpx.get(f"{stack.api_url}/v1/reservations?limit=1", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert [newest["state"] for newest in answer.json()["items"]] == ["cancelled"]


def test_one_that_refuses_its_customer_fails_with_the_step_and_the_answer(stack: Clone, tmp_path: Path) -> None:
    accounts = stack.json_of("credentials.json")
    accounts["customer"]["password"] = "not this one"
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))

    outcome = smoke(stack, url=stack.api_url, credentials=tmp_path / "accounts.json")

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Smoke test failed: POST /v1/auth/token should answer 200 and answers 401")


def test_one_that_does_not_answer_fails(stack: Clone) -> None:
    outcome = smoke(stack, url=f"http://127.0.0.1:{free_port()}", credentials=stack.places.credentials)

    assert outcome.returncode == 1
    assert "nothing answers" in outcome.stderr


def test_without_accounts_and_without_mailpit_it_says_what_it_needs(stack: Clone) -> None:
    outcome = smoke(stack, url=stack.api_url, credentials=None)

    assert outcome.returncode == 1
    assert "CREDENTIALS=" in outcome.stderr
