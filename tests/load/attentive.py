"""The API, with its event loop looked at two hundred times a second. Only to measure with, and never shipped."""

from services.api import main
from services.runtime import loop_delay

LOOK_SECONDS = 0.005  # a delay of fifty milliseconds is seen by ten of these, where four looks a second would miss most

if __name__ == "__main__":
    loop_delay.LOOK_SECONDS = LOOK_SECONDS
    main.main()
