"""Draws the pictures of the README and of docs/, of drawn people alone.

python tools/docs_pictures.py                  # all, into docs/pictures, in some minutes
python tools/docs_pictures.py named rows       # these
python tools/docs_pictures.py --out FOLDER     # elsewhere, to look at first

Pictures of what a command makes come from that command. `report` is a browser's view of two of the demo's
runs and needs Debian's chromium and chromium-driver, as the report's tests do.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _tool
import numpy as np
from doc_blocks import blocks, commands
from PIL import Image, ImageDraw, ImageFont

from maskedface import geometry, landmarks, layers, masking, synthetic, training
from maskedface.cli.main import main as maskedface
from maskedface.masking.styles import Style

PICTURES = _tool.ROOT / "docs" / "pictures"
NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana"]
QUALITY = 82
INK, PAPER, BLUE, ORANGE = (40, 40, 40), (255, 255, 255), "#0072b2", "#d55e00"
GAP = 6  # pixels between pictures of a grid
NETWORK = ["--backbone", "DlibResNet29", "--weights", "dlib"]
RUNS = ("frozen_means", "cosine_margin")


def photograph(person: int, photo: int, masked: bool, size: int = 200) -> Image.Image:
    """One drawn photograph, as the first tutorial draws it."""
    return Image.fromarray(synthetic.draw_face(person, photo, masked, size=size))


def grid(
    rows: Sequence[Sequence[Image.Image]],
    words: Sequence[str] = (),
    heads: Sequence[str] = (),
    side: int = 120,
) -> Image.Image:
    """Square pictures in rows, with words at the left of each row and above each column."""
    font = ImageFont.load_default(15)
    left = int(max((font.getlength(word) for word in words), default=0)) + (2 * GAP if words else 0)
    top = 24 if heads else 0
    width = left + max(map(len, rows)) * (side + GAP) + GAP
    sheet = Image.new("RGB", (width, top + len(rows) * (side + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for m, head in enumerate(heads):
        draw.text((left + GAP + m * (side + GAP), 4), head, INK, font)
    for n, row in enumerate(rows):
        y = top + GAP + n * (side + GAP)
        if words:
            draw.text((GAP, y + side // 2 - 9), words[n], INK, font)
        for m, picture in enumerate(row):
            sheet.paste(picture.resize((side, side)), (left + GAP + m * (side + GAP), y))
    return sheet


def run(*words: str | Path) -> None:
    """One of the library's commands; 1 is an answer too (somebody is unknown)."""
    code = maskedface([str(word) for word in words])
    assert code in (0, 1), words


def album(folder: Path) -> Path:
    """The people and photographs of the first tutorial, enrolled."""
    if (folder / "friends.npz").exists():
        return folder
    for person, name in enumerate(NAMES):
        (folder / "people" / name).mkdir(parents=True)
        for photo in range(4):
            photograph(person, photo, False).save(folder / "people" / name / f"{photo}.jpg")
    (folder / "photos").mkdir()
    for person in range(12):
        photograph(person, 0, True).save(folder / "photos" / f"{person:02d}.jpg")
    party = Image.new("RGB", (760, 300), (196, 205, 214))
    for place, (person, masked) in enumerate([(1, True), (2, False), (6, True)]):
        party.paste(photograph(person, 3, masked), (40 + 240 * place, 50))
    party.save(folder / "photos" / "party.jpg")
    gallery: list[str | Path] = ["--gallery", folder / "friends.npz"]
    run("enroll", *gallery, "--model", "dlib", "--masks", "10", "--fpir", "0.1", folder / "people")
    run("identify", *gallery, folder / "photos", "--pictures", folder / "named")
    return folder


def drawn_runs(folder: Path) -> Path:
    """Two runs on drawn people in RMFRD's layout."""
    faces = folder / "RMFRD"
    if not faces.exists():
        synthetic.draw_people(faces, people=6, photos=8, masked_photos=8, size=128)
        words: list[str | Path] = ["--data", faces, "--alignment", "arcface", *NETWORK]
        for recipe in RUNS:
            run("train", *words, "--recipe", recipe, "--run", folder / "runs" / recipe)
    return folder


def named(folder: Path) -> Image.Image:
    """The party with boxes and names."""
    return Image.open(next((album(folder) / "named").glob("*party*")))


def people(folder: Path) -> Image.Image:
    """Who is enrolled."""
    rows = [[photograph(n, m, False) for m in range(4)] for n in range(len(NAMES))]
    halves = [rows[n] + rows[n + 4] for n in range(4)]
    return grid(halves, [f"{NAMES[n]}, {NAMES[n + 4]}" for n in range(4)], side=84)


def enrolled_masks(folder: Path) -> Image.Image:
    """One photograph, and what `enroll --masks` makes of it."""
    face = synthetic.draw_face(0, 0, False, size=160)
    bank = masking.MaskBank.draw(masking.STYLES[:5], alignment="arcface", size=160, variants=1)
    masked = bank.lay(np.stack([face] * 5), np.arange(5))
    return grid([[Image.fromarray(one) for one in (face, *masked)]], ["Ada"])


def identified(folder: Path) -> Image.Image:
    """The masked photographs with their names."""
    found = sorted(one for one in (album(folder) / "named").iterdir() if "party" not in one.name)
    pictures = [Image.open(one) for one in found]
    return grid([pictures[:4], pictures[4:8], pictures[8:]], side=200)


def pair(folder: Path) -> Image.Image:
    """Two photographs of one person, compared."""
    photos = [album(folder) / "photos" / "02.jpg", folder / "people" / "Cleo" / "0.jpg"]
    out = folder / "pair.jpg"
    gallery: list[str | Path] = ["--gallery", folder / "friends.npz", "--threshold", "0.95"]
    run("verify", *photos, *gallery, "--picture", out)
    return Image.open(out)


def rmfrd(folder: Path) -> Image.Image:
    """RMFRD's two folders."""
    rows = [
        [photograph(n, m, masked) for n in range(4) for m in (0, 1)] for masked in (True, False)
    ]
    return grid(rows, ["AFDB_masked_face_dataset", "AFDB_face_dataset"], side=84)


def audit(folder: Path) -> Image.Image:
    """The audit's chart, of people with unequal numbers of images and some faults."""
    faces, out = folder / "audited", folder / "audit.png"
    if not faces.exists():
        index = synthetic.draw_people(faces, people=12, photos=8, masked_photos=8, size=64)
        for number, path in enumerate(index.paths):
            if number % 16 >= 5 + number // 16 % 12:
                Path(path).unlink()
        first, second, *_ = (path for path in index.paths if Path(path).exists())
        Path(first).write_bytes(Path(first).read_bytes()[:400])
        Path(second).with_name("copy.jpg").write_bytes(Path(second).read_bytes())
    run("audit", "--data", faces, "--picture", out)
    return Image.open(out).resize((900, 675))


def report(folder: Path) -> Image.Image:
    """A browser's view of the report: its first section and what the networks look at."""
    from selenium import webdriver

    demo, page = folder / "demo", folder / "report.html"
    if not demo.exists():
        run("demo", "--run", demo, "--people", "5", "--photos", "4")
    run("report", demo / "frozen_means_s_to_t", demo / "s_to_t", "--out", page)
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    service = webdriver.ChromeService(str(shutil.which("chromedriver")))
    with webdriver.Chrome(options=options, service=service) as browser:
        screen: dict[str, Any] = {"width": 960, "height": 800}
        screen |= {"deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get(page.resolve().as_uri())
        rest = "main > section:not(.warn, #results, #attention)"
        browser.execute_script(f"document.querySelectorAll('{rest}').forEach(s => s.remove())")
        height = browser.execute_script("return document.querySelector('footer').offsetTop")
        screen |= {"height": height}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        return Image.open(io.BytesIO(browser.get_screenshot_as_png()))


def rows(folder: Path) -> Image.Image:
    """Accuracy of the two runs with intervals."""
    found = {name: metrics(drawn_runs(folder) / "runs" / name) for name in RUNS}
    return bars(found, "Rank-1 accuracy on drawn people (95 % interval over people)")


def metrics(path: Path) -> dict[str, dict[str, Any]]:
    """A run's report by domain."""
    found = training.Run(str(path)).metrics
    return {domain: found[domain] for domain in ("masked", "unmasked") if domain in found}


def bars(found: dict[str, dict[str, dict[str, Any]]], title: str) -> Image.Image:
    """Accuracies of runs, masked and unmasked beside each other."""

    def paint(axes: Any) -> None:
        domains = [
            one for one in ("masked", "unmasked") if all(one in run for run in found.values())
        ]
        for side, domain in enumerate(domains):
            color = ORANGE if domain == "masked" else BLUE
            reports = [one[domain] for one in found.values()]
            middle = np.array([report["accuracy"] for report in reports], float)
            ends = np.array([report["accuracy_interval"] for report in reports], float)
            places = np.arange(len(reports)) + 0.36 * (side - (len(domains) - 1) / 2)
            reach = np.abs(ends.T - middle)
            axes.bar(places, middle, 0.34, yerr=reach, color=color, label=domain, capsize=4)
            for x, y in zip(places, middle, strict=True):
                axes.text(x, 0.03, f"{y:.2f}", ha="center", color="white")
        axes.set_xticks(range(len(found)), list(found))
        axes.set_ylim(0, 1.05)
        axes.set_title(title)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    return plot(paint)


def plot(paint: Callable[..., None], size: tuple[float, float] = (7, 3)) -> Image.Image:
    """What a function paints on one pair of axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # its functions have no types
    paint(figure.subplots())
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def alignments(folder: Path) -> Image.Image:
    """One face in three alignments, with the five points."""
    face = synthetic.draw_face(4, 0, False, size=360)
    row = []
    for name in ("arcface", "dlib", "vggface2"):
        chip = Image.fromarray(warped(face, "arcface", name, 180))
        draw = ImageDraw.Draw(chip)
        for x, y in geometry.alignment_points(name, 180, 180):
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), BLUE, PAPER)
        row.append(chip)
    return grid([row], heads=["arcface, 112 px", "dlib, 150 px", "vggface2, 224 px"], side=180)


def warped(image: np.ndarray, source: Any, alignment: str, size: int) -> np.ndarray:
    """A face as a network of that alignment is given it; `source` is an alignment or five points."""
    matrix = geometry.chip_matrix(*image.shape[:2], source=source, target=alignment, size=size)
    return geometry.warp(image, matrix, size).round().astype("uint8")


def augmentation(folder: Path) -> Image.Image:
    """One face under drawn masks."""
    faces = np.stack([synthetic.draw_face(4, 0, False, size=112)] * 10)
    masked = np.asarray(layers.RandomMask(1.0, alignment="arcface", seed=3)(faces, training=True))
    pictures = [Image.fromarray(one.astype("uint8")) for one in masked]
    return grid([pictures[:5], pictures[5:]], side=112)


def adapted(folder: Path) -> Image.Image:
    """The ArcFace tutorial's two runs, by running its page."""
    if not (folder / "arcface" / "runs" / "after").exists():
        run_page("arcface", folder / "arcface")
    root = folder / "arcface" / "runs"
    found = {name: metrics(root / name) for name in ("before", "after")}
    return bars(found, "Rank-1 accuracy, unseen drawn identities (95 % interval over people)")


def run_page(page: str, folder: Path) -> dict[str, Any]:
    """Runs a tutorial's blocks in a folder; what its Python blocks named."""

    names: dict[str, Any] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        for block in blocks(_tool.ROOT / "docs" / "tutorials" / f"{page}.md"):
            if block.why:
                continue
            if block.language == "python":
                exec(compile(block.text, f"{page}, block {block.number}", "exec"), names)
            elif block.language == "sh":
                for words in commands(block.text):
                    run(*words)
    return names


def own_layer(folder: Path) -> Image.Image:
    """Training images of the tutorial on an own layer."""
    names = own_loss(folder)
    faces = np.stack([synthetic.draw_face(n, 0, False, size=150) for n in range(5)])
    masks = layers.RandomMask(1.0, alignment="dlib", seed=1)
    chips = np.stack([warped(face, "arcface", "dlib", 150) for face in faces])
    glasses = names["RandomSunglasses"](1.0)
    shown = [chips, masks(chips, training=True), glasses(chips, training=True)]
    rows = [[Image.fromarray(np.asarray(one).astype("uint8")) for one in row] for row in shown]
    return grid(rows, ["as they are", "RandomMask", "RandomSunglasses"], side=112)


_OWN_LOSS: dict[str, Any] = {}


def own_loss(folder: Path) -> dict[str, Any]:
    """What the tutorial on an own loss made; run once."""
    if not _OWN_LOSS:
        _OWN_LOSS.update(run_page("own_loss", folder / "own_loss"))
    return _OWN_LOSS


def curves(folder: Path) -> Image.Image:
    """The training curves of that tutorial."""
    history = own_loss(folder)["history"].history

    def paint(axes: Any) -> None:
        epochs = np.arange(1, len(history["loss"]) + 1)
        for key, color, style, word in (
            ("accuracy", ORANGE, "-", "accuracy, training"),
            ("val_accuracy", BLUE, "-", "accuracy, test"),
            ("loss", ORANGE, ":", "loss, training"),
            ("val_loss", BLUE, ":", "loss, test"),
        ):
            axes.plot(epochs, history[key], style, color=color, label=word)
        axes.set_xlabel("epoch")
        axes.set_ylim(0)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    return plot(paint)


def search(folder: Path) -> Image.Image:
    """What a search leaves."""
    if not (folder / "search" / "runs" / "best").exists():
        run_page("search", folder / "search")
    return Image.open(folder / "search" / "runs" / "search" / "search.png")


def into_network(folder: Path) -> Image.Image:
    """From a photograph to the network's input."""
    photo = Image.new("RGB", (420, 420), (196, 205, 214))
    photo.paste(photograph(6, 1, True, 220).rotate(14, fillcolor=(196, 205, 214)), (110, 120))
    (found,) = landmarks.Cascade()([np.asarray(photo)])[0]
    draw = ImageDraw.Draw(photo)
    chip = Image.fromarray(warped(np.asarray(photo), found.points, "dlib", 200))
    draw.rectangle([float(side) for side in found.box], None, BLUE, 3)
    for x, y in found.points:
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), BLUE, PAPER)
    heads = ["photograph, face found", "network's input, 150 px"]
    return grid([[photo, chip]], heads=heads, side=240)


def exported(folder: Path) -> Image.Image:
    """Sizes and times of exported files."""
    if not (folder / "phone" / "exported").exists():
        run_page("phone", folder / "phone")
    out = folder / "phone" / "exported"
    files = {"float32": out / "model.tflite", "int8": out / "model-int8.tflite"}
    size = [path.stat().st_size / 1e6 for path in files.values()]

    def paint(axes: Any) -> None:
        axes.barh(list(files), size, color=[BLUE, ORANGE])
        for n, value in enumerate(size):
            axes.text(value + 0.2, n, f"{value:.1f} MB", va="center")
        axes.set_xlim(0, max(size) * 1.2)
        axes.set_xlabel("size of the file, MB")

    return plot(paint, (6, 1.8))


def attention(folder: Path) -> Image.Image:
    """Heat maps on masked faces, as `explain` draws them."""
    faces = drawn_runs(folder) / "RMFRD" / "AFDB_masked_face_dataset"
    photos = [faces / f"person_{n:04d}" / "0_0_0.jpg" for n in range(1, 3)]
    looked = folder / "looked"
    model = folder / "runs" / "cosine_margin"
    run("explain", model, *photos, "--alignment", "arcface", "--out", looked)
    pictures = [Image.open(one) for one in sorted(looked.iterdir())]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (2 * width + 3 * GAP, height + 2 * GAP), PAPER)
    for n, picture in enumerate(pictures[:2]):
        sheet.paste(picture, (GAP + n * (width + GAP), GAP))
    return sheet


def masks(folder: Path) -> Image.Image:
    """Every mask style, a row each."""
    return _styles(masking.STYLES)


def occlusions(folder: Path) -> Image.Image:
    """What else hides a face, a row each."""
    return _styles((*masking.OCCLUSIONS, *masking.LOOSE_STYLES))


def _styles(styles: Sequence[Style]) -> Image.Image:
    faces = np.stack([synthetic.draw_face(n, 0, False, size=112) for n in range(7)])
    bank = masking.MaskBank.draw(styles, alignment="arcface", size=112, variants=7)
    laid = bank.lay(np.concatenate([faces] * len(styles)), np.arange(len(bank)))
    pictures = [Image.fromarray(one) for one in laid]
    rows = [pictures[7 * n : 7 * n + 7] for n in range(len(styles))]
    return grid(rows, [style.name for style in styles], side=64)


def icon(folder: Path) -> Image.Image:
    """The site's sign."""
    return photograph(2, 0, True, 64)


DRAWN: dict[str, tuple[str, Callable[[Path], Image.Image]]] = {
    function.__name__: (ending, function)
    for ending, functions in {
        "jpg": (
            *(named, people, enrolled_masks, identified, pair, rmfrd, alignments, augmentation),
            *(own_layer, into_network, attention, masks, occlusions),
        ),
        "png": (audit, report, rows, adapted, curves, search, exported, icon),
    }.items()
    for function in functions
}


def save(picture: Image.Image, path: Path) -> None:
    """Writes a picture small: JPEG, or PNG of at most 64 colors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture.convert("RGB")
    if path.suffix == ".jpg":
        picture.save(path, quality=QUALITY, optimize=True, progressive=True)
    else:
        picture.quantize(64).save(path, optimize=True)


def main() -> None:
    """Draws what is asked for."""
    parser = _tool.parser(__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *DRAWN], help="default: all")
    parser.add_argument("--out", default=PICTURES, type=Path)
    parser.add_argument("--work", type=Path, help="keep what is made on the way here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folder = args.work or Path(kept)
        for name in args.names or DRAWN:
            ending, draw = DRAWN[name]
            path = args.out / f"{name}.{ending}"
            save(draw(folder), path)
            print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
