"""Does a process answer? `python -m services.runtime.probe http://127.0.0.1:8000/readyz`: the health check of our containers.

It exits 0 if the answer is good, else 1 with a sentence. It imports next to nothing, because it starts anew every few seconds; and there
is no curl in the image.
"""

import sys
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

ANSWER_SECONDS_MAX = 3


def main() -> None:
    url = sys.argv[1]
    try:
        # A proxy of the environment has no business with this container; and of an answer that is none, the opener makes an OSError.
        build_opener(ProxyHandler({})).open(url, timeout=ANSWER_SECONDS_MAX).close()
    except (OSError, HTTPException) as error:
        sys.exit(f"{url} does not answer: {error}")


if __name__ == "__main__":
    main()
