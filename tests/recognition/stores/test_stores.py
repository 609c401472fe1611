"""Does a gallery know the same wherever it is kept, and is every change whole?"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation import Cohort
from maskedface.locks import LockedError
from maskedface.recognition import Gallery, open_store
from maskedface.recognition.remembered import Remembered
from maskedface.recognition.stores.store import GalleryStore
from tests.recognition.galleries import thresholds
from tests.recognition.stores.conftest import KINDS, address_of

FEATURES = 8
NASTY = [
    "Robert'); DROP TABLE people;--",
    "<script>alert(1)</script>",
    "\x00\\0000",
    "a\udce9",
    "%s",
]
POINTS = tuple((float(n), float(2 * n)) for n in range(5))
PHOTOS = [
    Remembered("/photos/ad\udce9\\a.jpg", "ab" * 32, ""),
    Remembered("", "", POINTS, b"what a JPEG file holds"),
    Remembered("/photos/b.jpg", "cd" * 32, POINTS, b"another"),
    None,
]


def new(keep: Any = "mean", *, cohort: bool = True) -> Gallery:
    people = np.random.default_rng(7).normal(size=(20, FEATURES))
    return Gallery(
        "f00d", keep=keep, source="a model", cohort=Cohort(people, 3) if cohort else None, masks=2
    )


def change(gallery: Gallery) -> None:
    """What a gallery goes through: people come, more of them comes, one goes, and thresholds are chosen."""
    rng = np.random.default_rng(0)
    gallery.enroll(["ada", "bo", "ada", "cy"], rng.normal(size=(4, FEATURES)), PHOTOS)
    gallery.enroll(["ada", "dé"], rng.normal(size=(2, FEATURES)), PHOTOS[:2])
    gallery.enroll(NASTY, rng.normal(size=(len(NASTY), FEATURES)))
    gallery.remove("bo")
    gallery.calibrate(
        rng.normal(size=(40, FEATURES)),
        [f"s{n}" for n in range(40)],
        fpir=0.1,
        far=0.1,
        source="drawn",
        kinds=["unmasked", "masked"] * 20,
    )


def scores_of(calibration: dict[str, Any]) -> list[Any]:
    """Takes the thresholds of `Calibration.to_dict`."""
    kinds = [calibration.pop("identify"), calibration.pop("verify")]
    return [score for of in kinds for _, score in sorted(of.items())]


def contents(gallery: Gallery) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return gallery.to_file()


@pytest.mark.parametrize("keep", ["mean", "all"])
@pytest.mark.parametrize("cohort", [True, False])
def test_a_gallery_knows_the_same_wherever_it_is_kept(
    store: GalleryStore, keep: str, cohort: bool
) -> None:
    expected = new(keep, cohort=cohort)
    change(expected)
    with store.changing(new=new(keep, cohort=cohort)) as gallery:
        change(gallery)
    kept = store.gallery()
    (facts, arrays), (wanted, wanted_arrays) = contents(kept), contents(expected)
    # A cohort that is read is brought to length 1 again: the seventh digit may be another.
    assert np.allclose(scores_of(facts.pop("calibration")), scores_of(wanted.pop("calibration")))
    assert facts == wanted
    assert arrays.keys() == wanted_arrays.keys()
    for name, array in wanted_arrays.items():
        np.testing.assert_allclose(arrays[name], array, atol=1e-6, err_msg=name)
    assert (kept.people, kept.photos) == (expected.people, expected.photos)
    assert repr(kept) == repr(expected) and len(kept) == len(expected)
    for probe in np.random.default_rng(1).normal(size=(50, FEATURES)):
        found, known = kept.search(probe, 4), expected.search(probe, 4)
        assert [one.person for one in found] == [one.person for one in known]
        np.testing.assert_allclose(
            [one.score for one in found], [one.score for one in known], atol=1e-6
        )


def test_a_gallery_is_copied_from_any_place_to_any_other(tmp_path: Path) -> None:
    first = new("all")
    change(first)
    first.save(tmp_path / "first.npz")
    source = str(tmp_path / "first.npz")
    for number, kind in enumerate([*KINDS, *KINDS]):
        address = address_of(kind, tmp_path).replace("people", f"people{number}")
        with open_store(source) as old, open_store(address) as place:
            with place.changing(new=old.gallery()):
                pass
            copied = place.gallery()
            assert contents(copied)[0] == contents(first)[0]
            copied.enroll(["later"], np.ones((1, FEATURES)))  # with a number nobody had
            assert "later" in copied.people
            copied.remove("later")
        source = address


def test_what_fails_halfway_changes_nothing(store: GalleryStore) -> None:
    with store.changing(new=new()) as gallery:
        gallery.enroll(["ada"], np.ones((1, FEATURES)))
    before = contents(store.gallery())[0]
    with pytest.raises(RuntimeError), store.changing() as gallery:
        gallery.enroll(["bo"], np.eye(1, FEATURES))
        gallery.remove("ada")
        raise RuntimeError
    assert contents(store.gallery())[0] == before
    assert store.gallery().search(np.ones(FEATURES))[0].person == "ada"


def test_a_gallery_that_could_not_be_made_is_not_there(store: GalleryStore) -> None:
    with pytest.raises(RuntimeError), store.changing(new=new()) as gallery:
        gallery.enroll(["bo"], np.eye(1, FEATURES))
        raise RuntimeError
    assert not store.exists()
    with pytest.raises((ValueError, FileNotFoundError)):
        store.gallery()
    with pytest.raises(ValueError, match="must be there"), store.changing():
        pass


def test_one_who_changes_a_gallery_keeps_others_out(store: GalleryStore) -> None:
    with store.changing(new=new()):
        pass
    failed: list[BaseException] = []

    def other() -> None:
        try:
            with open_store(store.address) as second, second.changing(wait=0.2):
                pass
        except BaseException as error:
            failed.append(error)

    with store.changing():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert isinstance(failed[0], LockedError) and "must not be in use" in str(failed[0])


def test_what_one_changes_another_sees(store: GalleryStore) -> None:
    with store.changing(new=new()):
        pass
    with open_store(store.address) as second:
        assert not len(second.gallery())
        with store.changing() as gallery:
            gallery.enroll(["ada"], np.ones((1, FEATURES)))
        assert second.gallery().search(np.ones(FEATURES))[0].person == "ada"
        with store.changing() as gallery:
            gallery.calibration = thresholds()
            gallery.remember_from_now("crops")
        assert second.gallery().calibration == store.gallery().calibration
        assert second.gallery().remember == "crops"


def test_threads_that_share_a_store_lose_nobody(store: GalleryStore) -> None:
    with store.changing(new=new()):
        pass
    failed: list[BaseException] = []

    def work(who: str) -> None:
        try:
            for number in range(10):
                with store.changing() as gallery:
                    gallery.enroll(
                        [f"{who}{number}"], np.random.default_rng(number).normal(size=(1, 8))
                    )
                assert store.gallery().search(np.ones(8), 2)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=[who]) for who in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(store.gallery()) == 30


def test_another_models_gallery_is_refused(store: GalleryStore) -> None:
    with store.changing(new=new()):
        pass
    with pytest.raises(ValueError, match="must be used with the model that made it"):
        store.gallery().check_model("another")


@pytest.mark.parametrize("how", ["paths", "nothing", "crops"])
def test_less_is_remembered_from_now_on(store: GalleryStore, how: Any) -> None:
    expected = new()
    with store.changing(new=new()) as gallery:
        for one in (gallery, expected):
            one.remember_from_now("crops")
            one.enroll(
                ["ada", "bo", "ada", "cy"], np.random.default_rng(0).normal(size=(4, 8)), PHOTOS
            )
            one.remember_from_now(how)
    assert store.gallery().photos == expected.photos and store.gallery().remember == how


def test_names_that_differ_by_case_alone_are_said(
    store: GalleryStore, caplog: pytest.LogCaptureFixture
) -> None:
    with store.changing(new=new()) as gallery:
        gallery.enroll(["Ada"], np.ones((1, FEATURES)))
        gallery.enroll(["ada", "Bo"], np.eye(2, FEATURES))
    assert [record.getMessage() for record in caplog.records] == [
        "Ada and ada differ only in case: they are two people"
    ]


def test_whoever_is_not_enrolled_is_said(store: GalleryStore) -> None:
    with store.changing(new=new()) as gallery:
        gallery.enroll(["Ada"], np.ones((1, FEATURES)))
    with pytest.raises(ValueError, match="enrolled are 'Ada'"), store.changing() as gallery:
        gallery.remove("Adda")
    with pytest.raises(ValueError, match="features"), store.changing() as gallery:
        gallery.enroll(["Bo"], np.ones((1, 3)))
    with pytest.raises(ValueError, match="shape"):
        store.gallery().search(np.ones(3))


def test_a_search_of_nobody_is_refused(store: GalleryStore) -> None:
    with store.changing(new=new()):
        pass
    with pytest.raises(ValueError, match="somebody"):
        store.gallery().search(np.ones(FEATURES))


@pytest.mark.skipif(os.name != "posix", reason="files have modes on POSIX alone")
@pytest.mark.parametrize("kind", KINDS[:2])
def test_files_are_for_their_owner_alone(kind: str, tmp_path: Path) -> None:
    address = address_of(kind, tmp_path)
    with open_store(address) as store, store.changing(new=new()) as gallery:
        gallery.enroll(["Ada"], np.ones((1, FEATURES)))
        beside = [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in beside} <= {0o600}
    assert stat.S_IMODE(os.stat(address).st_mode) == 0o600


# Long: 10,000 people are written to each store.
@pytest.mark.long
@pytest.mark.parametrize("keep", ["mean", "all"])
def test_ten_thousand_people_get_the_same_names_from_each_store(keep: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(10_000, 64)).astype("float32")
    names = [f"p{n}" for n in range(len(people))]
    cohort = Cohort(rng.normal(size=(500, 64)), 20)
    faces = np.concatenate([people + 0.5 * rng.normal(size=people.shape) for _ in range(2)])
    gallery = Gallery("f00d", keep=keep, cohort=cohort)
    gallery.enroll(names * 2, faces)
    probes = people[::25] + 1.5 * rng.normal(size=(400, 64))
    found = {}
    for kind in KINDS:
        with open_store(address_of(kind, tmp_path)) as store:
            with store.changing(new=gallery):
                pass
            kept = store.gallery()
            found[kind] = [tuple(one.person for one in kept.search(probe, 3)) for probe in probes]
    assert found["npz"] == found["sqlite"] == found["postgres"]
