"""Synthetic people, drawn with and without masks, for tests, examples and the demo."""

from maskedface.synthetic.aligned_drawings import draw_faces
from maskedface.synthetic.drawn_people import draw_people
from maskedface.synthetic.face_drawing import draw_face

__all__ = ["draw_face", "draw_faces", "draw_people"]
