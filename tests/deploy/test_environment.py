"""Without these, the link in a mail of the local stack leads to nobody."""

from pathlib import Path

import pytest

from deploy.local import environment
from deploy.local.places import Places


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOLDFAST_PORT": "8123"}, "http://127.0.0.1:8123"),
        ({"HOLDFAST_HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),  # noqa: S104  # nothing listens
        ({"HOLDFAST_HOST": "::1"}, "http://[::1]:8000"),
        ({"HOLDFAST_PUBLIC_URL": "https://shop.example", "HOLDFAST_PORT": "8123"}, "https://shop.example"),
    ],
)
def test_links_in_mails_lead_to_where_the_api_listens(tmp_path: Path, variables: dict[str, str], where: str) -> None:
    assert environment.resolve(Places(tmp_path), variables).variables["HOLDFAST_PUBLIC_URL"] == where
