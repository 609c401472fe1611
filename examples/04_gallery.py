"""Enroll people, find out who is on photographs, and let strangers be unknown.

python examples/04_gallery.py                                   # on drawn people
python examples/04_gallery.py --people FOLDER --photos FOLDER   # your own: a folder a person, photos
python examples/04_gallery.py --smoke                           # the least that runs it all
"""

import argparse
import os

from maskedface import recognition, synthetic

parser = argparse.ArgumentParser()
parser.add_argument("--people", help="a folder a person in it; needs the extra detect")
parser.add_argument("--photos", help="photographs to name")
parser.add_argument("--run", default="runs/example-04")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.people:
    aligned_to, photos = "", recognition.photo_files(args.photos)
    people = {
        name: recognition.photo_files(os.path.join(args.people, name))
        for name in sorted(os.listdir(args.people))
    }
else:
    # Drawn faces are aligned already: nothing has to be found in them. The first half is enrolled
    # by two unmasked photographs, the second half are strangers; masked faces of all are named.
    aligned_to, count = "arcface", 6 if args.smoke else 24
    index = synthetic.draw_people(f"{args.run}/faces", people=count, photos=2)
    people, photos = {}, []
    for face, path in zip(index.faces, index.paths, strict=True):
        if face.domain == "masked":
            photos.append(path)
        elif face.person in index.people[: count // 2]:
            people.setdefault(face.person, []).append(path)

recognizer = recognition.Recognizer.load("dlib", aligned_to=aligned_to)
embeddings, names = [], []
for name, paths in people.items():
    faces = recognizer.enroll(name, paths)
    embeddings += [face.embedding for face in faces]
    names += [name] * len(faces)

# The enrolled are strangers to one another: at most a fifth of their photographs may get another's name.
made = recognizer.gallery.calibrate(embeddings, names, fpir=0.2, far=0.1, source="the enrolled")
print(f"{len(recognizer.gallery)} people, {made}")

for result in recognition.identify_all(recognizer, photos):
    for one in result.identities:
        first = one.candidates[0]
        masked = "masked" if one.face.masked >= 0.5 else "bare"
        print(
            f"{result.path}: {one.person or 'unknown'} ({first.person} {first.score:.3f}), {masked}"
        )

path = f"{args.run}/gallery.npz"
os.makedirs(args.run, exist_ok=True)
recognizer.gallery.save(path)
again = recognition.Recognizer.load(
    "dlib", aligned_to=aligned_to, gallery=recognition.Gallery.load(path)
)
again.gallery.remove(again.gallery.search(embeddings[0])[0].person)
print(f"{path}: {len(recognizer.gallery)} people; {len(again.gallery)} after one was removed")
