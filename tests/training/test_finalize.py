"""What is scored at a run's end, with and without a cohort."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, layers, masking, models, training
from maskedface.datasets.augmentation import Augmentation
from maskedface.evaluation import Cohort, EmbeddedFaces, rank_one_report
from maskedface.evaluation.scoring import normalized, person_means, photo_counts
from maskedface.models.heads import cosine_head
from maskedface.recipes import Recipe
from maskedface.recognition import Recognizer, stages
from maskedface.recognition.enrollment import face_to_enroll
from maskedface.reporting.run_groups import per_face
from maskedface.training import Run
from maskedface.training.means import class_means
from maskedface.training.rescoring import relearned, rescored

MEANS = Recipe(name="means", head="cosine", head_final="class_means", epochs=0, cohort=20)


def head_weights(run: Run) -> list[np.ndarray]:
    """Of the cosine head that a run ends with: centers, and offsets where there are some."""
    head = cosine_head(run.model)
    assert head is not None
    return list(head.get_weights())


def retrained(run: Run, backbone: Path, folder: Path, recipe: Recipe) -> Run:
    """The open run's test people as a closed set."""
    train, test = datasets.split_by_image(run.split()["test"])
    return training.train(recipe, train, test, run_dir=folder, backbone=backbone, progress=False)


def test_an_open_sets_cohort_are_the_people_trained_on(open_run: Run) -> None:
    cohort = open_run.cohort
    assert cohort is not None and cohort.nearest == 20
    (centers,) = head_weights(open_run)
    np.testing.assert_allclose(cohort.people, centers.T, atol=1e-6)
    test = open_run.split()["test"].faces
    embeddings = open_run.predictions["embeddings"]
    report = rank_one_report(EmbeddedFaces.of(test, embeddings, cohort=cohort))
    assert report == open_run.metrics
    assert report != rank_one_report(EmbeddedFaces.of(test, embeddings))
    for kind in report:
        assert per_face([open_run], kind)[0].mean() == report[kind]["accuracy"]
    scored = rescored(open_run, open_run.predictions["embeddings"])
    assert scored.metrics == report


# A training or more.
@pytest.mark.long
def test_a_closed_sets_cohort_are_those_of_the_run_it_starts_from(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = MEANS.override(mirror_join=True, init=open_run.path, cohort=1)
    run = retrained(open_run, tiny_backbone, tmp_path, recipe)
    centers, bias = head_weights(run)
    assert open_run.cohort is not None and run.cohort is not None
    cohort = Cohort(open_run.cohort.people, 1)
    np.testing.assert_allclose(run.cohort.people, cohort.people, atol=1e-6)
    train = run.split()["train"]
    counted = photo_counts(train.labels().tolist(), [face.photo for face in train.faces])
    photos = np.array([counted[label] for label in range(len(train.people))])
    np.testing.assert_allclose(bias, -cohort.offsets(centers.T, photos), atol=1e-6)
    assert (photos > 1).any()
    chips = datasets.read_aligned_faces(run.split()["test"], size=64, alignment="vggface2")
    unit = normalized(models.predict(models.embedder(run.model), chips))
    logits = run.recipe.value_at("loss.scale") * (unit @ centers + bias)
    np.testing.assert_allclose(run.predictions["logits"], logits, atol=1e-3)
    np.testing.assert_array_equal(run.predictions["logits"], models.predict(run.model, chips))


# Whole runs.
@pytest.mark.long
@pytest.mark.parametrize("change", [{"init": ""}, {"epochs": 1}])
def test_a_closed_set_without_other_people_or_with_a_network_that_moves_has_no_cohort(
    open_run: Run, tiny_backbone: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    recipe = MEANS.override(**{"mirror_join": True, "init": open_run.path, **change})
    run = retrained(open_run, tiny_backbone, tmp_path, recipe)
    assert run.cohort is None and len(head_weights(run)) == 1


def test_a_cohort_of_another_embedding_is_refused(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = MEANS.override(init=open_run.path)
    with pytest.raises(
        ValueError, match="mirror_join must be that of the run whose cohort is used"
    ):
        retrained(open_run, tiny_backbone, tmp_path, recipe)


def test_a_cohort_is_of_means_whatever_the_head_is(open_run: Run, tiny_backbone: Path) -> None:
    recipe = MEANS.override(mirror_join=True, head_final="trained")
    parts = open_run.split()
    run = training.train(
        recipe,
        parts["train"],
        parts["test"],
        run_dir=f"{open_run.path}-random",
        backbone=tiny_backbone,
        progress=False,
    )
    assert run.cohort is not None and open_run.cohort is not None
    np.testing.assert_allclose(run.cohort.people, open_run.cohort.people, atol=1e-6)
    assert (run.cohort.people != head_weights(run)[0].T).any()


# Whole runs.
@pytest.mark.long
def test_people_without_a_masked_face_are_in_the_cohort_with_drawn_masks_too(
    open_run: Run, tiny_backbone: Path
) -> None:
    parts = open_run.split()
    run = training.train(
        MEANS.override(mirror_join=True, train_on={"unmasked": 1}),
        parts["train"],
        parts["test"],
        run_dir=f"{open_run.path}-bare",
        backbone=tiny_backbone,
        progress=False,
    )
    bare = parts["train"].only("unmasked")
    chips = datasets.read_aligned_faces(bare, size=64, alignment="vggface2")
    masks = Augmentation([layers.RandomMask(1.0)], seed=0, alignment="vggface2", size=64)
    draws = masks.draws(np.arange(len(chips)), 0, np.zeros(len(chips), bool))
    masked = np.asarray(masks.apply(chips, draws, masks.batch_seed(0, 0)))
    assert (masked != chips).any(axis=(1, 2, 3)).all()
    embedder = models.embedder(run.model)
    unit = normalized(np.concatenate([models.predict(embedder, x) for x in (chips, masked)]))
    _, means = person_means(unit, [face.person for face in bare.faces] * 2)
    assert run.cohort is not None
    np.testing.assert_allclose(run.cohort.people, means, atol=1e-5)
    (centers,) = head_weights(run)
    assert np.abs(centers.T - means).max() > 1e-3  # the head itself is of the faces as they are


def test_a_run_joined_with_itself_is_itself(open_run: Run) -> None:
    joined = relearned([open_run, open_run], "class_means")
    assert joined.metrics == open_run.metrics
    assert joined.predictions["cohort"].shape[1] == 2 * open_run.predictions["cohort"].shape[1]


def test_a_recognizer_of_the_run_has_its_cohort(open_run: Run) -> None:
    cohort = Recognizer.load(open_run.path).gallery.cohort
    assert cohort is not None and open_run.cohort is not None
    np.testing.assert_allclose(cohort.people, open_run.cohort.people, atol=1e-6)


@pytest.fixture(scope="module")
def with_masks(open_run: Run, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The open run again, with masks drawn on those enrolled."""
    return training.train(
        open_run.recipe.override(enroll_masks=3),
        open_run.split()["train"],
        open_run.split()["test"],
        run_dir=tmp_path_factory.mktemp("masks") / "run",
        backbone=tiny_backbone,
        progress=False,
    )


# A training or more.
@pytest.mark.long
def test_bare_test_faces_are_enrolled_with_drawn_masks(with_masks: Run, open_run: Run) -> None:
    found, plain = with_masks.predictions, open_run.predictions["embeddings"]
    np.testing.assert_allclose(found["embeddings"], plain, atol=1e-6)
    bare = np.array([face.domain == "unmasked" for face in with_masks.split()["test"].faces])
    np.testing.assert_array_equal(found["templates"][~bare], found["embeddings"][~bare])
    assert (abs(found["templates"] - found["embeddings"])[bare].max(1) > 1e-3).all()
    for kind in with_masks.metrics:
        assert per_face([with_masks], kind)[0].mean() == with_masks.metrics[kind]["accuracy"]


# A training or more.
@pytest.mark.long
def test_a_closed_sets_means_are_of_faces_with_drawn_masks(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = MEANS.override(cohort=0, head_final="photo_means")
    plain = retrained(open_run, tiny_backbone, tmp_path / "plain", recipe)
    run = retrained(open_run, tiny_backbone, tmp_path / "masks", recipe.override(enroll_masks=3))
    train = run.split()["train"]
    chips = datasets.read_aligned_faces(train, size=64, alignment="vggface2")
    embed = partial(models.predict, models.embedder(run.model))
    found, bare = embed(chips), ~train.masked
    found[bare] = masking.masked_templates(
        embed, chips[bare], found[bare], count=3, alignment="vggface2"
    )
    centers = class_means(found, train.labels(), [face.photo for face in train.faces])
    np.testing.assert_allclose(head_weights(run)[0], centers, atol=1e-5)
    assert abs(head_weights(plain)[0] - centers).max() > 1e-3


def test_masks_on_the_faces_of_a_trained_head_are_refused(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = Recipe(name="trained", epochs=1, enroll_masks=3)
    with pytest.raises(ValueError, match="head_final must be"):
        retrained(open_run, tiny_backbone, tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()


def test_whoever_scores_a_run_enrolls_as_it_does(with_masks: Run) -> None:
    assert rescored(with_masks, with_masks.predictions["embeddings"]).metrics == with_masks.metrics
    joined = relearned([with_masks, with_masks], "class_means")
    for kind, report in with_masks.metrics.items():
        assert joined.metrics[kind]["accuracy"] == report["accuracy"]


def test_a_runs_recognizer_draws_its_masks_when_it_enrolls(
    with_masks: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = with_masks.split()["test"]
    row = next(number for number, face in enumerate(test.faces) if face.domain == "unmasked")
    chip = datasets.read_aligned_faces(test, size=64, alignment="vggface2")[row]
    known = Recognizer.load(with_masks.path, aligned_to="vggface2")
    assert known.gallery.masks == 3
    # Whatever the estimate says of a drawn face of 64 px.
    monkeypatch.setattr(stages, "masked_probability", lambda image, source: 0.0)
    found = face_to_enroll(known, chip)
    assert found.template is not None
    np.testing.assert_allclose(found.template, with_masks.predictions["templates"][row], atol=1e-5)
