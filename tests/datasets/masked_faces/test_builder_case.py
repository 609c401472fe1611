"""TensorFlow Datasets' own test of a builder, on each configuration."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from maskedface.datasets.masked_faces.masked_faces_dataset_builder import Builder
from tests.datasets.masked_faces.drawn_folders import draw_all


class OnDrawnFolders:
    """Draws the dummy data where the test case would look for files of the repository."""

    DATASET_CLASS = Builder
    # It forbids `open` and `os.walk` for the sake of remote folders; ours are the user's own.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = str(draw_all(Path(cls._folder.name)))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls._folder.cleanup()


class RmfrdTest(OnDrawnFolders, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = ["rmfrd"]  # noqa: RUF012
    SPLITS = {"train": 17, "test": 6}  # noqa: RUF012


class Mfr2Test(OnDrawnFolders, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = ["mfr2"]  # noqa: RUF012
    SPLITS = {"test": 5}  # noqa: RUF012


class MlfwTest(OnDrawnFolders, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = ["mlfw"]  # noqa: RUF012
    SPLITS = {"train": 12, "test": 12}  # noqa: RUF012


class PeopleFolderTest(OnDrawnFolders, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = ["people_folder"]  # noqa: RUF012
    SPLITS = {"train": 9, "test": 3}  # noqa: RUF012
