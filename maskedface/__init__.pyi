# The parts: read by type checkers, and by `lazy_loader` when one is first used.
from . import (
    audit as audit,
    clustering as clustering,
    conversion as conversion,
    datasets as datasets,
    engines as engines,
    evaluation as evaluation,
    exporting as exporting,
    geometry as geometry,
    images as images,
    landmarks as landmarks,
    layers as layers,
    losses as losses,
    masking as masking,
    metrics as metrics,
    models as models,
    recipes as recipes,
    recognition as recognition,
    reporting as reporting,
    serving as serving,
    synthetic as synthetic,
    training as training,
    tuning as tuning,
)

__version__: str
