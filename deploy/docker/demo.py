"""`python -m deploy.docker.demo`: the demo shop of `make up`, with accounts whose passwords are made for this installation."""

import asyncio

from deploy.local.credentials import load_or_create
from deploy.local.places import PLACES
from deploy.local.seed import seed
from services.runtime.settings import load_settings

if __name__ == "__main__":
    asyncio.run(seed(load_settings(), load_or_create(PLACES.credentials)))
