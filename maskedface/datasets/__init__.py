"""Folders of faces: listed, audited, split, and read into arrays or a `tf.data` pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maskedface.datasets.audit import AuditReport, audit, usable
from maskedface.datasets.audit_picture import draw_audit
from maskedface.datasets.augmenting import augmented
from maskedface.datasets.chips import read_chip, read_chips
from maskedface.datasets.drawn_faces import draw_people
from maskedface.datasets.epoch_plan import EpochPlan, with_domain
from maskedface.datasets.face_drawing import draw_face
from maskedface.datasets.face_index import Exclusion, Face, FaceIndex
from maskedface.datasets.face_places import (
    apply_landmarks,
    as_whole_images,
    face_source,
    is_placed,
)
from maskedface.datasets.images import ImageError, read_image
from maskedface.datasets.landmarks import Landmarks
from maskedface.datasets.manifest import (
    read_manifest,
    read_protocols,
    read_split,
    write_manifest,
)
from maskedface.datasets.pairs import PAIR_PROTOCOLS, PairList, read_face_list, read_pairs
from maskedface.datasets.person_names import MFR2_PEOPLE, same_people
from maskedface.datasets.photo_groups import with_photo_groups
from maskedface.datasets.sources import people_folder, rmfrd
from maskedface.datasets.splits import by_image, by_person, by_photo, shared_rows, take_share

if TYPE_CHECKING:
    from maskedface.datasets.tf_dataset import as_tf_dataset

__all__ = [
    "MFR2_PEOPLE",
    "PAIR_PROTOCOLS",
    "AuditReport",
    "EpochPlan",
    "Exclusion",
    "Face",
    "FaceIndex",
    "ImageError",
    "Landmarks",
    "PairList",
    "apply_landmarks",
    "as_tf_dataset",
    "as_whole_images",
    "audit",
    "augmented",
    "by_image",
    "by_person",
    "by_photo",
    "draw_audit",
    "draw_face",
    "draw_people",
    "face_source",
    "is_placed",
    "people_folder",
    "read_chip",
    "read_chips",
    "read_face_list",
    "read_image",
    "read_manifest",
    "read_pairs",
    "read_protocols",
    "read_split",
    "rmfrd",
    "same_people",
    "shared_rows",
    "take_share",
    "usable",
    "with_domain",
    "with_photo_groups",
    "write_manifest",
]


def __getattr__(name: str) -> Any:
    # TensorFlow takes seconds to import; listing, auditing and splitting do without it.
    if name == "as_tf_dataset":
        from maskedface.datasets.tf_dataset import as_tf_dataset

        return as_tf_dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
