"""Every fixture lives in tests/support, named for what it gives."""

pytest_plugins = [
    "tests.support.options",
    "tests.support.servers",
    "tests.support.database",
    "tests.support.own_valkey",
    "tests.support.statistics",
    "tests.support.shelf",
    "tests.support.caches",
    "tests.support.crowd",
    "tests.support.mail",
    "tests.support.people",
    "tests.support.shop",
    "tests.support.desk",
    "tests.support.delivery",
    "tests.support.owed",
    "tests.support.post",
    "tests.support.processes",
    "tests.support.error_tracker",
    "tests.support.api",
    "tests.support.unplugged",
]
