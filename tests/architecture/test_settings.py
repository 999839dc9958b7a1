"""Without this, somebody deploys without a setting that they never heard of."""

import re
from collections.abc import Iterable

from services.runtime.settings import PREFIX, Settings
from tests.support.sources import ROOT


def differences(example: str, settings: Iterable[str]) -> set[str]:
    """Variables that only one of the two knows; an optional one may be commented out in the example."""
    explained = set(re.findall(rf"^(?:# ?)?({PREFIX}\w+)=", example, re.MULTILINE))
    return explained ^ {PREFIX + name.upper() for name in settings}


def test_the_example_names_every_setting_and_no_other() -> None:
    assert differences((ROOT / ".env.example").read_text(), Settings.model_fields) == set()


def test_the_rule_can_be_broken() -> None:
    assert differences("HOLDFAST_COLOUR=blue\n# HOLDFAST_PORT=8000\n", ["port", "host"]) == {"HOLDFAST_COLOUR", "HOLDFAST_HOST"}
