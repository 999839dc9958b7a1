"""What the pipeline asks of a change besides the tests: whether it keeps what the release before promised.

Two promises: clients of the API go on working (`api.py`), and code of the release before works on the new schema, because a deploy
runs both side by side (`old_tests.py`). Each is a target of make that runs on any clone with its history.
"""
