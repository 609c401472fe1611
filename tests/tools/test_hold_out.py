"""What is held out is in no test, and nothing is on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskedface import synthetic
from maskedface.datasets import Face, FaceIndex


@pytest.fixture(scope="module")
def rmfrd(tmp_path_factory: pytest.TempPathFactory) -> FaceIndex:
    """Two people by the paper's rule, two with fewer masked images, one with unmasked ones alone."""
    root = tmp_path_factory.mktemp("rmfrd")
    rows = synthetic.draw_people(root, people=5, photos=10, size=32)
    tested, few, bare = rows.people[:2], rows.people[2:4], rows.people[4]
    kept = dict.fromkeys(tested, 10) | dict.fromkeys(few, 3) | {bare: 0}
    gone = {
        face.path
        for person, number in kept.items()
        for face in [f for f in rows.faces if f.person == person and f.domain == "masked"][number:]
    }
    left = rows.where(lambda face: face.path not in gone)
    assert left.with_at_least(8, "masked").people == tested
    return left


def paths(rows: FaceIndex) -> set[str | Path]:
    return {face.path for face in rows.faces}


def test_few_asks_with_every_masked_image_of_untested_people(rmfrd: FaceIndex) -> None:
    from hold_out import few

    train, test = few(rmfrd)
    assert train.people == test.people == rmfrd.people[2:4]
    assert not train.masked.any() and len(train) == 14  # 7 of 10 a person
    assert test.masked.sum() == 6 and len(test) == 12
    assert not paths(train) & paths(test)


def test_val_is_of_rows_that_the_papers_protocol_trains_on(rmfrd: FaceIndex) -> None:
    from hold_out import val

    from maskedface import datasets

    train, test = val(rmfrd)
    rule = rmfrd.people_in_both().with_at_least(8, "masked")
    trained_on, _ = datasets.split_by_image(rule, seed=0)
    assert not paths(train) & paths(test)
    assert paths(train) | paths(test) == paths(trained_on)
    assert len(test) > 0


def test_held_out_people_are_trained_on_by_nobody() -> None:
    from hold_out import held

    faces = [Face(f"{n}/{k}", f"person {n:02d}", "unmasked") for n in range(40) for k in (0, 1)]
    rows = FaceIndex("people", faces)
    train, test = held(rows, None, 0)
    assert not set(train.people) & set(test.people)
    assert set(train.people) | set(test.people) == set(rows.people)
    fewer, same = held(rows, 2, 0)
    assert len(fewer.people) == 2 and set(fewer.people) < set(train.people)
    assert same.faces == test.faces
