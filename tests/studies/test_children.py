"""Children of limited memory and time: what they meet costs one answer, and never the process that asks."""

from collections.abc import Iterator

import pytest

from studies.children import Busy, ChildFailed, Children


@pytest.fixture
def children() -> Iterator[Children]:
    found = Children("tests.studies.odd_child", 1, seconds=20, memory_bytes=1 << 30, patience_seconds=0.05)
    yield found
    found.close()


def test_one_child_answers_again_and_again_with_as_many_bytes_as_it_has(children: Children) -> None:
    first, _ = children.ask({"work": "echo"})
    again, data = children.ask({"work": "echo", "size": 3_000_000})
    assert (again["pid"], len(data)) == (first["pid"], 3_000_000)


def test_what_a_library_prints_is_no_answer(children: Children) -> None:
    assert children.ask({"work": "print", "size": 5})[1] == bytes(5)


def test_an_error_is_told_by_its_kind_and_without_what_it_says(children: Children) -> None:
    with pytest.raises(ChildFailed) as caught:
        children.ask({"work": "raise"})
    assert (caught.value.kind, str(caught.value)) == ("ValueError", "ValueError")


@pytest.mark.parametrize("work", ["die", "fill"])
def test_a_child_that_is_lost_is_replaced(children: Children, work: str) -> None:
    first, _ = children.ask({"work": "echo"})
    with pytest.raises(ChildFailed):
        children.ask({"work": work})
    assert children.ask({"work": "echo"})[0]["pid"] != first["pid"]


def test_a_child_that_takes_too_long_is_ended() -> None:
    children = Children("tests.studies.odd_child", 1, seconds=1, memory_bytes=1 << 30)
    with pytest.raises(ChildFailed, match="more than 1 s"):
        children.ask({"work": "sleep"})
    children.close()


def test_who_finds_all_of_them_at_work_is_told_so(children: Children) -> None:
    held = children._free.get()
    with pytest.raises(Busy):
        children.ask({"work": "echo"})
    children._free.put(held)
