"""From photographs to people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskedface import clustering, recognition
from maskedface.clustering import cluster_photos
from maskedface.clustering.photographs import thresholds_at
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition import Recognizer
from maskedface.recognition.default_rates import DefaultRates

Photograph = Callable[..., str]


def test_people_are_found_on_several_photographs(
    two_faces: Recognizer, photograph: Photograph
) -> None:
    paths = [
        photograph("a", "Ada", "Bob"),
        photograph("bb", "Bob", "Ada"),
        photograph("ccc", "Ada", "Cy"),
    ]
    found = cluster_photos(two_faces, paths, progress=False)
    assert found.people == {"person 001": 3, "person 002": 2, "person 003": 1}
    of = [face.person[-1] for face in found.faces]
    assert of == ["1", "2", "2", "1", "1", "3"]


def test_what_cannot_be_read_costs_no_other(
    one_face: Recognizer, photograph: Photograph, tmp_path: Path
) -> None:
    (tmp_path / "no.jpg").write_bytes(b"nothing")
    paths = [photograph("a", "Ada"), str(tmp_path / "no.jpg"), photograph("bb", "Ada")]
    found = cluster_photos(one_face, paths, progress=False)
    assert found.people == {"person 001": 2}
    assert list(found.errors) == [paths[1]]


def test_a_photograph_without_a_face_is_listed(
    colors_model, rates: DefaultRates, photograph: Photograph
) -> None:
    nobody = Recognizer(
        colors_model, alignment="arcface", detector=lambda images: [() for _ in images], rates=rates
    )
    path = photograph("a", "Ada")
    found = cluster_photos(nobody, [path], progress=False)
    assert found.without_face == (path,) and not found.faces


def test_a_higher_rate_joins_people(one_face: Recognizer, photograph: Photograph) -> None:
    paths = [photograph("a", "Ada"), photograph("bb", "Cy")]
    apart = cluster_photos(one_face, paths, far=0.001, progress=False)
    assert len(apart.people) == 2 and apart.settings["thresholds"]["both unmasked"] == 0.9
    assert cluster_photos(one_face, paths, far=0.5, progress=False).settings["far"] == 0.5


def test_a_network_without_rates_is_refused(colors_model, photograph: Photograph) -> None:
    unknown = Recognizer(colors_model, alignment="arcface", aligned_to="arcface")
    with pytest.raises(ValueError, match=r"false match rates.*Received: rates=None"):
        cluster_photos(unknown, [photograph("a", "Ada")], progress=False)


@pytest.mark.parametrize("far", [0, 1, 1.5])
def test_a_rate_out_of_range_is_refused(one_face: Recognizer, far: float) -> None:
    with pytest.raises(ValueError, match=f"far must be in .*Received: far={far}"):
        cluster_photos(one_face, [], far=far, progress=False)


def test_a_rate_that_was_not_measured_is_refused(one_face: Recognizer) -> None:
    with pytest.raises(ValueError, match=r"far must be at least 0.001: .*Received: far=1e-09"):
        cluster_photos(one_face, [], far=1e-9, progress=False)


def test_faces_of_an_unmeasured_condition_are_not_grouped(
    rates: DefaultRates, caplog: pytest.LogCaptureFixture
) -> None:
    known = {name: tables for name, tables in rates.rates.items() if name != "both masked"}
    thresholds = thresholds_at(DefaultRates(known, "drawn people"), 0.001)
    assert thresholds == {"both unmasked": 0.9, "one masked": 0.9, "both masked": 2.0}
    assert "no false match rates of both masked" in caplog.text


def test_rates_are_measured_on_people_known_apart(colors_model, tmp_path: Path) -> None:
    from maskedface import synthetic

    synthetic.draw_people(str(tmp_path), people=12, photos=3, masked_photos=0)
    recognizer = Recognizer(colors_model, alignment="arcface", aligned_to="arcface")
    folder = tmp_path / "AFDB_face_dataset"
    rates = clustering.measure_rates(recognizer, folder, progress=False)
    (table,) = rates.rates["both unmasked"]
    faces = [recognizer.one_face(path) for path in recognition.photo_files(folder)]
    unmasked = sum(face.masked < SEEMS_MASKED for face in faces)
    strangers = unmasked * (unmasked - 1) // 2 - table.genuine
    assert unmasked > 30 and (table.people, table.pairs) == (12, strangers)
    assert str(folder) in rates.source


def test_too_few_people_to_measure_rates_on_are_refused(colors_model, tmp_path: Path) -> None:
    from maskedface import synthetic

    synthetic.draw_people(str(tmp_path), people=2, photos=2, masked_photos=0)
    recognizer = Recognizer(colors_model, alignment="arcface", aligned_to="arcface")
    with pytest.raises(ValueError, match=r"100 pairs .*Received: 4 faces"):
        clustering.measure_rates(recognizer, tmp_path / "AFDB_face_dataset", progress=False)
