"""Fuse the scores of a network's views of the whole and of the upper face, and recognize with both as one.

python examples/10_ensemble.py            # drawn people; dlib's network, half a minute
python examples/10_ensemble.py --model net.onnx --model dlib   # two networks in place of two views
python examples/10_ensemble.py --smoke    # the least that runs it all
"""

import argparse

from maskedface import datasets, engines, evaluation, models, recognition, synthetic

parser = argparse.ArgumentParser()
parser.add_argument("--model", action="append", help="a network's name or file; twice or more")
parser.add_argument("--run", default="runs/example-10")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

people, photos = (8, 2) if args.smoke else (24, 3)
index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)
train, test = datasets.split_by_person(index, train_fraction=0.5, seed=0)

if args.model:
    members = {name: recognition.Recognizer.load(name).embedder for name in args.model}
else:
    network = models.DlibResNet29()
    members = {
        "whole face": engines.KerasEmbedder(network),
        "upper face": engines.KerasEmbedder(models.upper_view(network)),
    }


def embedded(embedder, faces):
    return recognition.embed_index(recognition.Recognizer(embedder), faces)


# The weights are chosen on people whom the figures below do not show.
weights = evaluation.fusion_weights([embedded(one, train) for one in members.values()])
ensemble = engines.Ensemble([*members.values()], weights)
shares = dict(zip(members, weights.round(2).tolist(), strict=True))
print(f"weights, chosen on {len(train.people)} people: {shares}")

for name, embedder in {**members, "fused": ensemble}.items():
    report = evaluation.rank_one_report(embedded(embedder, test))["masked"]
    low, high = report["accuracy_interval"]
    print(f"{name}: masked rank-1 {report['accuracy']:.3f} [{low:.3f}, {high:.3f}]")

# A gallery takes it as any network.
recognizer = recognition.Recognizer(ensemble, aligned_to="arcface")
for face, path in zip(test.faces, test.paths, strict=True):
    if face.domain == "unmasked":
        recognizer.enroll(face.person, [path])
masked = next(
    path for face, path in zip(test.faces, test.paths, strict=True) if face.domain == "masked"
)
print(f"{masked}: most like {recognizer.identify(masked)[0].candidates[0].person}")
