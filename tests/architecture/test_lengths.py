"""Without these, a screen no longer shows one idea."""

from collections.abc import Iterator

from tests.support.sources import Source, sources

FUNCTION_LINES_MAX = 40
FILE_LINES_MAX = 250
PARAMETERS_MAX = 5  # by position; a keyword says itself what it is


def too_long(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{source.path} has {lines} lines"
    for function in source.functions():
        assert function.end_lineno
        lines = function.end_lineno - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield f"{source.at(function)} {function.name} has {lines} lines"


def too_many_parameters(source: Source) -> Iterator[str]:
    for function in source.functions():
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args) if argument.arg not in {"self", "cls"}]
        if len(names) > PARAMETERS_MAX:
            yield f"{source.at(function)} {function.name} takes {len(names)} parameters by position"


def test_functions_and_files_are_short() -> None:
    # A migration is a list of facts in the order of their dependence; cutting it up would not make it clearer.
    ours = [source for source in sources() if not source.path.startswith("migrations/versions/")]

    assert [complaint for source in ours for complaint in too_long(source)] == []


def test_functions_take_few_parameters() -> None:
    # A test names the fixtures it needs; they are its vocabulary, not an interface.
    ours = sources("services", "deploy", "migrations", "tests/support")

    assert [complaint for source in ours for complaint in too_many_parameters(source)] == []


def test_each_limit_can_be_broken() -> None:
    tall = Source("a.py", "def tall():\n" + "    pass\n" * FUNCTION_LINES_MAX)
    long = Source("b.py", "pass\n" * (FILE_LINES_MAX + 1))
    wide = Source("c.py", "def wide(self, a, b, c, d, e, f, *, g): ...")

    assert list(too_long(tall)) == ["a.py:1 tall has 41 lines"]
    assert list(too_long(long)) == ["b.py has 251 lines"]
    assert list(too_many_parameters(wide)) == ["c.py:1 wide takes 6 parameters by position"]
