"""`python -m services.api` serves the API.

uvicorn spawns its workers. Python has each of them import first what was started here, unless that is a `__main__.py`: so a worker of
ours answers uvicorn's pings while it imports the app. One that is silent for five seconds is killed, and a busy machine needs longer.
"""

from services.api.main import main

if __name__ == "__main__":
    main()
