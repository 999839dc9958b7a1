"""`python -m services.api` serves the API."""

from services.api.main import main

if __name__ == "__main__":
    main()
