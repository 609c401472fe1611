"""The four layouts, drawn: what `manual_dir` holds in these tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from maskedface import datasets, synthetic

# A file name as RMFRD's archive has them: GBK, which is no UTF-8.
GBK_NAME = b"0 0 \xb7\xeb.jpg"


def draw_all(root: Path) -> Path:
    """Draws rmfrd, mfr2, mlfw and people_folder below a folder."""
    rmfrd = synthetic.draw_people(root / "rmfrd", people=3, photos=3, masked_photos=8, size=32)
    # The third person has seven masked images, one fewer than the paper asks for.
    os.remove(rmfrd.paths[-1])
    folder = os.fsencode(root / "rmfrd" / "AFDB_face_dataset" / "person_0000")
    shutil.copy(rmfrd.paths[0], os.path.join(folder, GBK_NAME))
    _mfr2(root / "mfr2")
    _mlfw(root / "mlfw")
    _people(root / "people_folder")
    return root


def _mfr2(root: Path) -> None:
    labels = []
    for person in ("Ada", "Bo"):
        for number, mask in enumerate(("no-mask", "surgical_white", "cloth"), start=1):
            file = root / person / f"{person}_{number:04d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            face = synthetic.draw_face(len(person), number, mask != "no-mask", size=32)
            Image.fromarray(face).save(file)
            labels.append(f"{person}, {number}, {mask}\n")
    (root / "mfr2_labels.txt").write_text("".join(labels), encoding="utf-8")
    # The third face of Bo is in no pair; Cy's files are not there.
    pairs = ("Ada 1 2", "Bo 1 2", "Ada 1 Bo 1", "Ada 3 Bo 2", "Ada 1 Cy 1")
    (root / "pairs.txt").write_text("\n".join(pairs), encoding="utf-8")


def _mlfw(root: Path) -> None:
    index = synthetic.draw_people(root, people=4, photos=4, masked_photos=2, size=32)
    train, test = datasets.split_by_photo(index, train_fraction=0.5)
    some, others = datasets.split_by_person(index, train_fraction=0.5)
    os.makedirs(root / "protocols")
    datasets.write_manifest(
        root / "protocols" / "manifest.csv",
        index,
        {"closed_set": {"train": train, "test": test}, "open_set": {"train": some, "test": others}},
    )


def _people(root: Path) -> None:
    """Every kind of file: turned, WebP, PNG with transparency and in gray, cut off, no image's name."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 30, 4), "uint8")
    for person in ("ada", "bo"):
        for domain in datasets.face_index.DOMAINS:
            (root / domain / person).mkdir(parents=True)
    ada, bo = root / "unmasked" / "ada", root / "masked" / "bo"
    picture = Image.fromarray(pixels[..., :3])
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(ada / "turned.jpg", exif=exif)
    picture.save(ada / "lossless.webp", lossless=True)
    picture.save(ada / "film.gif", save_all=True, append_images=[picture.rotate(180)])
    picture.save(ada / "scan.tiff")
    picture.convert("CMYK").save(ada / "print.jpg")
    Image.fromarray(pixels).save(ada / "transparent.png")
    Image.fromarray(pixels[..., 0]).save(ada / "gray.png")
    picture.convert("P").save(ada / "palette.png")
    Image.fromarray(pixels[..., 1]).save(bo / "gray.jpg")
    picture.save(bo / "plain.jpg")
    picture.save(bo / "other.png")
    picture.rotate(180).save(root / "masked" / "ada" / "0.jpg")
    (bo / "cut.jpg").write_bytes((bo / "plain.jpg").read_bytes()[:300])
    (bo / "notes.txt").write_text("no image", encoding="utf-8")
