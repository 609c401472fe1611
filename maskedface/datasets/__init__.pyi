# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .aligned_faces import read_aligned_faces as read_aligned_faces
from .epoch_plan import with_domain as with_domain
from .face_index import Face as Face, FaceIndex as FaceIndex
from .face_places import apply_landmarks as apply_landmarks, face_source as face_source
from .landmarks import Landmarks as Landmarks
from .manifest import (
    read_manifest as read_manifest,
    read_split as read_split,
    write_manifest as write_manifest,
)
from .pairs import read_face_list as read_face_list, read_pairs as read_pairs
from .person_names import MFR2_PEOPLE as MFR2_PEOPLE
from .photo_groups import with_photo_groups as with_photo_groups
from .sources import people_folder as people_folder, rmfrd as rmfrd
from .splits import (
    split_by_image as split_by_image,
    split_by_person as split_by_person,
    split_by_photo as split_by_photo,
    take_share as take_share,
)
from .tf_dataset import as_tf_dataset as as_tf_dataset
from .triplets import draw_triplets as draw_triplets
