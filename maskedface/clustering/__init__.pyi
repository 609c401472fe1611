# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .clusters import ClusteredFace as ClusteredFace, Clusters as Clusters
from .folders import write_people as write_people
from .grouping import group_faces as group_faces
from .photographs import cluster_photos as cluster_photos, measure_rates as measure_rates
