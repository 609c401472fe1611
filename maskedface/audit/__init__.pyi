# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .image_audit import audit_images as audit_images, usable as usable
