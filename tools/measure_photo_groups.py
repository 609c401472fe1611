"""How well `datasets.with_photo_groups` finds the photos that a manifest names.

Every pair of images of one person is a pair of one photo, or not; precision and recall of saying
so are printed for several distances, with and without matching mirror images. Then 1,000 images
are altered, and the share is printed of those still found to be copies at the default distance.

    python tools/measure_photo_groups.py --data DIR --manifest DIR/protocols/manifest.csv

Takes about 30 s for 9,000 images.
"""

from __future__ import annotations

import io
from collections import defaultdict

import _tool
import numpy as np
from PIL import Image, ImageOps

from maskedface.datasets.manifest import read_manifest
from maskedface.datasets.photo_groups import MAX_DISTANCE, photo_groups, photo_hashes
from maskedface.images.in_threads import read_many
from maskedface.images.reading import read_image


def main() -> None:
    """Reads the command line, prints one line a distance."""
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True, help="the folder the manifest's paths start from")
    parser.add_argument("--manifest", required=True, help="a CSV with the column photo filled in")
    arguments = parser.parse_args()
    index = read_manifest(arguments.manifest, root=arguments.data)
    hashes = np.stack(
        read_many(lambda path: photo_hashes(read_image(path)), index.paths, label="Hashing")
    )
    people = defaultdict(list)
    for row, face in enumerate(index.faces):
        people[face.person].append(row)
    photos = np.array([face.photo for face in index.faces])
    for mirror in (True, False):
        used = hashes if mirror else hashes[:, [0, 0]]
        print("with mirror images" if mirror else "without mirror images")
        for distance in range(16, 81, 8):
            line = _measure(used, photos, list(people.values()), distance)
            print(line + (" <- default" if mirror and distance == MAX_DISTANCE else ""))
    chosen = np.random.default_rng(0).permutation(len(index))[:1000]
    images = [Image.fromarray(read_image(index.paths[row])) for row in chosen]
    for name in _altered(images[0]):
        copies = [photo_hashes(np.asarray(_altered(image)[name])) for image in images]
        pairs = zip(hashes[chosen], copies, strict=True)
        groups = [photo_groups(np.stack(pair)) for pair in pairs]
        print(f"found {np.mean([a == b for a, b in groups]):.3f} of the copies {name}")


def _measure(hashes: np.ndarray, photos: np.ndarray, people: list[list[int]], distance: int) -> str:
    found = missed = wrong = 0
    for rows in people:
        groups = photo_groups(hashes[rows], distance)
        upper = np.triu_indices(len(rows), 1)
        said = (groups[:, None] == groups)[upper]
        true = (photos[rows][:, None] == photos[rows])[upper]
        found += int((said & true).sum())
        missed += int((~said & true).sum())
        wrong += int((said & ~true).sum())
    precision, recall = found / max(1, found + wrong), found / max(1, found + missed)
    return (
        f"  distance {distance:2}: precision {precision:.4f} recall {recall:.4f} "
        f"({found} pairs found, {missed} missed, {wrong} wrong)"
    )


def _altered(image: Image.Image) -> dict[str, Image.Image]:
    width, height = image.size
    coded = io.BytesIO()
    image.resize((width * 3 // 4, height * 3 // 4)).save(coded, "JPEG", quality=40)
    brighter = [round(255 * (value / 255) ** 0.7) for value in range(256)] * 3
    return {
        "at 3/4 of the size, JPEG quality 40": Image.open(coded).convert("RGB"),
        "brightened, gamma .7": image.point(brighter),
        "mirrored": ImageOps.mirror(image),
        **{
            f"cropped by {p} % a side": ImageOps.crop(image, round(width * p / 100)) for p in (1, 3)
        },
    }


if __name__ == "__main__":
    main()
