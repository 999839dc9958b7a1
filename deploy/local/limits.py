"""`LOAD=1`: limits so high that a load test measures the API and not them."""

from collections.abc import Mapping

from deploy.local import console
from deploy.local.environment import PREFIX
from services.runtime.settings import Settings

FACTOR = 1_000
MULTIPLIED = ("rate_limit_factor", "open_holds_per_account", "units_on_hold_per_sku")


def multiply(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with every limit and quota times FACTOR, but for those that are set in it; says which."""
    defaults = {PREFIX + name.upper(): Settings.model_fields[name].default for name in MULTIPLIED}
    raised = {name: str(default * FACTOR) for name, default in defaults.items() if not environ.get(name)}
    console.say(f"For load tests every rate limit and quota is multiplied by {FACTOR:,}, and still in force:")
    for name in defaults:
        console.say(f"  {name}={raised.get(name) or f'{environ[name]}, as you have set it'}")
    return {**environ, **raised}
