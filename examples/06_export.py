"""Write a classifier as files that run without this library, and ask them who is on a face.

    python examples/06_export.py                      # trains on drawn people first, some minutes
    python examples/06_export.py --trained runs/mine  # a finished run's folder
    python examples/06_export.py --smoke              # the least that runs it all

ONNX and LiteRT need their programs: pip install "maskedface[onnx,litert]"; what is missing is skipped.
"""

import argparse
import json

import numpy as np

from maskedface import datasets, exporting, recipes, synthetic, training

parser = argparse.ArgumentParser()
parser.add_argument(
    "--trained", help="a finished run's folder; default: one trained on drawn people"
)
parser.add_argument("--run", default="runs/example-06")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.trained:
    run = training.Run(args.trained)
else:
    people, photos = (3, 3) if args.smoke else (16, 8)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)
    train, test = datasets.split_by_image(index, train_fraction=0.7, seed=0)
    recipe = recipes.COSINE_MARGIN.override(batch_size=8, epochs=1 if args.smoke else 4)
    run = training.train(
        recipe, train, test, run_dir=f"{args.run}/run", backbone="DlibResNet29", weights="dlib"
    )

# Calibrated on people trained on, compared on the test faces.
size, alignment = run.record["image_size"], run.record["alignment"]
known = datasets.read_aligned_faces(run.split()["train"], size=size, alignment=alignment)[:100]
asked = datasets.read_aligned_faces(run.split()["test"], size=size, alignment=alignment)[:64]
facts = {"classes": run.record["classes"], "alignment": alignment, "output": "logits"}
wanted = [
    ("savedmodel", "float32", "model"),
    ("onnx", "float32", "model.onnx"),
    ("litert", "float32", "model.tflite"),
    ("litert", "float16", "model-float16.tflite"),
    ("litert", "int8", "model-int8.tflite"),
]
for form, precision, name in wanted:
    path = f"{args.run}/files/{name}"
    try:
        done = exporting.export(
            run.model, path, asked, format=form, precision=precision, calibration=known, facts=facts
        )
    except ModuleNotFoundError as error:
        print(f"{name}: skipped, {error}")
        continue
    logits = exporting.load(path)(asked)
    with open(f"{path}.json") as file:
        classes = json.load(file)["classes"]
    first = classes[int(np.argmax(logits[0]))]
    print(
        f"{name}: {done.size / 1e6:.1f} MB, {done.agreement.relative:.1e} from Keras, "
        f"{done.agreement.same_first:.2f} of the faces named alike; the first is {first}"
    )
