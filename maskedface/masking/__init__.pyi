# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .bank import MaskBank as MaskBank, mask_area as mask_area
from .enrolling import masked_once as masked_once, masked_templates as masked_templates
from .estimate import SEEMS_MASKED as SEEMS_MASKED, masked_probability as masked_probability
from .image_styles import style_from_picture as style_from_picture
from .masked_photos import mask_photo as mask_photo
from .occlusions import OCCLUSIONS as OCCLUSIONS
from .styles import LOOSE_STYLES as LOOSE_STYLES, STYLES as STYLES, MaskStyle as MaskStyle
