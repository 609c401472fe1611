# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .audit_picture import draw_audit as draw_audit
from .image_audit import AuditReport as AuditReport, audit_images as audit_images, usable as usable
