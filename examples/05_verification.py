"""Do two photographs show the same person? Scores pairs of faces, masked and unmasked apart.

python examples/05_verification.py                                  # on drawn people
python examples/05_verification.py --data FOLDER --alignment arcface # RMFRD's layout
python examples/05_verification.py --smoke                          # the least that runs it all
"""

import argparse

from maskedface import datasets, evaluation, models, synthetic

parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--alignment", default="", help="what its images are aligned to")
parser.add_argument("--run", default="runs/example-05")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.data:
    index = datasets.rmfrd(args.data, alignment=args.alignment).people_in_both()
else:
    people, photos = (4, 2) if args.smoke else (30, 4)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)

chips = datasets.read_aligned_faces(index, size=150, alignment="dlib", progress=True)
embeddings = models.predict(models.DlibResNet29(), chips)
names = [face.person for face in index.faces]
domains = [face.domain for face in index.faces]

for kinds in (("masked", "unmasked"), ("masked", "masked"), ("unmasked", "unmasked")):
    # Where the photographs are known, pairs of one photograph would be left out (photos=...).
    first, second, same = evaluation.draw_pairs(names, domains, kinds=kinds)
    report = evaluation.verification_report(
        evaluation.cosine_scores(embeddings, first, second),
        same,
        ([names[row] for row in first], [names[row] for row in second]),
        draws=200,
    )
    eer = report["eer"]
    print(
        f"{' and '.join(kinds)}: {report['genuine']} genuine, {report['impostors']} impostor pairs"
    )
    print(f"  EER {eer['value']:.3f}, 95 % over people [{eer['low']:.3f}, {eer['high']:.3f}]")
    for far, tar in report["tar_at_far"].items():
        print(f"  TAR at FAR {far:g}: {tar['value']:.3f} [{tar['low']:.3f}, {tar['high']:.3f}]")
    print(f"  too few impostors to tell a FAR of {report['refused'] or 'none of these'}")
