"""Run the demo data of `seed.py` against the stack of this environment: `python -m deploy.local.seeding`."""

import asyncio

from deploy.local import credentials
from deploy.local.places import PLACES
from deploy.local.seed import seed
from services.runtime.settings import load_settings

if __name__ == "__main__":
    asyncio.run(seed(load_settings(), credentials.load(PLACES.credentials)))
