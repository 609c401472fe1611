"""How like worn masks the drawn ones are, and under which styles a network fails.

    python tools/measure_drawn_masks.py --data R --landmarks aligned.csv [--model dlib]

The worn masks are those of RMFRD's people with fewer than 8 masked images, who are in no test; masks
are drawn on the unmasked faces of the same people. A line per statistic of the aligned face (112 px,
ArcFace alignment) gives its quartiles over worn and drawn masks, and the Kolmogorov-Smirnov distance
of the two: 0 = the same distribution, 1 = no overlap. "chance" is that of two random halves of the worn
masks.

With --model instead the rank-1 accuracy under each style, loose ones and other occlusions too: every
unmasked face wears one of it and is compared with the mean of each person's unmasked faces, its own
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _tool
import cv2
import numpy as np
from join_sets import few_masked

from maskedface import datasets
from maskedface.engines import Embedder
from maskedface.evaluation import EmbeddedFaces, match_probes
from maskedface.masking import MaskBank
from maskedface.masking.named_styles import EVERY_STYLE, style_named
from maskedface.masking.styles import Style
from maskedface.recognition import Recognizer

SIZE, ALIGNMENT = 112, "arcface"
VARIANTS = 24  # masks a style, as in training
MASK = (slice(None), slice(80, 104), slice(38, 74))  # covered by every mask: mouth and chin
EYES = (slice(None), slice(40, 62), slice(24, 88))


def statistics(faces: np.ndarray) -> dict[str, np.ndarray]:
    """{statistic: one value per face} of uint8 faces, shape (faces, 112, 112, 3)."""
    grey = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces]).astype("float32")
    hsv = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2HSV) for face in faces]).astype("float32")
    fine = np.abs([cv2.Laplacian(one, cv2.CV_32F) for one in grey])
    middle = np.abs(np.diff(grey[:, 55:95, 50:62].mean(2), axis=1))
    side = np.abs(np.diff(grey[:, 55:100, 26:34].mean(2), axis=1))
    return {
        "brightness (0-255)": hsv[MASK][..., 2].mean((1, 2)),
        "saturation (0-255)": hsv[MASK][..., 1].mean((1, 2)),
        "red minus blue": np.subtract(*(faces[MASK][..., c].mean((1, 2)) for c in (0, 2))),
        "mask to skin": grey[MASK].mean((1, 2)) / (grey[:, 58:68, 30:82].mean((1, 2)) + 1),
        "contrast": grey[MASK].std((1, 2)),
        "fine structure of the mask": fine[MASK].mean((1, 2)),
        "fine structure of the eyes": fine[EYES].mean((1, 2)),
        "upper edge, middle (px)": 55.0 + middle.argmax(1),
        "upper edge, side (px)": 55.0 + side.argmax(1),
        "upper edge, strength": middle.max(1),
        "light, left to right": np.abs(
            grey[:, 80:104, 62:74].mean((1, 2)) - grey[:, 80:104, 38:50].mean((1, 2))
        ),
        "light, top to bottom": (
            grey[:, 96:106, 42:70].mean((1, 2)) - grey[:, 78:86, 42:70].mean((1, 2))
        ),
    }


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance of two samples, in [0, 1]."""
    values = np.sort(np.concatenate([one, other]))
    shares = (np.searchsorted(np.sort(x), values, "right") / len(x) for x in (one, other))
    return float(np.abs(np.subtract(*shares)).max())


def masked(faces: np.ndarray, bank: MaskBank) -> np.ndarray:
    """Each face under a random mask of the bank."""
    return bank.lay(faces, np.random.default_rng(0).integers(len(bank), size=len(faces)))


def compare(index: datasets.FaceIndex) -> None:
    """Prints the table of statistics."""
    faces = datasets.read_aligned_faces(index, size=SIZE, alignment=ALIGNMENT)
    bank = MaskBank.draw(alignment=ALIGNMENT, size=SIZE, variants=VARIANTS)
    worn = statistics(faces[index.masked])
    drawn = statistics(masked(faces[~index.masked], bank))
    half = np.random.default_rng(0).permutation(int(index.masked.sum())) % 2 == 0
    print(f"{int(index.masked.sum())} worn masks, {int((~index.masked).sum())} drawn ones")
    print("| | worn | drawn | distance | chance |\n|---|---|---|---|---|")
    for name, values in worn.items():
        told = (
            " / ".join(f"{q:.1f}" for q in np.percentile(x, (25, 50, 75)))
            for x in (values, drawn[name])
        )
        chance = distance(values[half], values[~half])
        print(
            f"| {name} | {' | '.join(told)} | {distance(values, drawn[name]):.2f} | {chance:.2f} |"
        )


def by_style(index: datasets.FaceIndex, embedder: Embedder, styles: Sequence[Style]) -> None:
    """Prints the rank-1 accuracy under each of these styles."""
    words: dict[str, Any] = {"size": embedder.size, "alignment": embedder.alignment}
    bare = index.where(lambda face: face.domain == "unmasked")
    faces = datasets.read_aligned_faces(bare, **words)
    known = embedder(faces)
    domains = ["unmasked"] * len(bare) + ["masked"] * len(bare)
    people = [face.person for face in bare.faces] * 2
    photos = [str(row) for row in range(len(bare))] * 2
    print("| style | rank-1 accuracy |\n|---|---|")
    for style in (None, *styles):
        probes = faces
        if style is not None:
            probes = masked(faces, MaskBank.draw([style], variants=VARIANTS, **words))
        both = np.concatenate([known, known if style is None else embedder(probes)])
        matches = match_probes(
            EmbeddedFaces(both, people, domains, photos), probes="masked", own_photo="leave_out"
        )
        print(f"| {style.name if style else 'no mask'} | {np.mean(matches.ranks() == 1):.3f} |")


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True, help="RMFRD's folder")
    parser.add_argument("--landmarks", required=True, help="its manifest by maskedface align")
    parser.add_argument("--styles", nargs="+", help="names of styles; default: all")
    parser.add_argument("--model", help="a network, as for maskedface identify")
    args = parser.parse_args()
    index = few_masked(datasets.read_manifest(args.landmarks, root=args.data)).people_in_both()
    if args.model:
        styles = EVERY_STYLE if args.styles is None else tuple(map(style_named, args.styles))
        by_style(index, Recognizer.load(args.model).embedder, styles)
    else:
        compare(index)


if __name__ == "__main__":
    main()
