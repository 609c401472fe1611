# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .adaptation import adapt as adapt
from .alignment import (
    FaceAlignment as FaceAlignment,
    alignment_of as alignment_of,
    with_alignment as with_alignment,
)
from .codebook import bag_of_features as bag_of_features
from .dlib_resnet29 import DlibResNet29 as DlibResNet29
from .embedding import FaceEmbedding as FaceEmbedding, embedder as embedder
from .feature_map import fit_map as fit_map, map_join as map_join
from .folding import fold_batch_norm as fold_batch_norm
from .freezing import freeze as freeze, stages as stages
from .heads import (
    CosineHead as CosineHead,
    LinearHead as LinearHead,
    SideBySide as SideBySide,
    classifier as classifier,
)
from .inception_resnet_v1 import InceptionResNetV1 as InceptionResNetV1
from .iresnet import AdaFaceIR as AdaFaceIR, IResNet as IResNet
from .predicting import predict as predict
from .preset import Preset as Preset
from .presets import PRESETS as PRESETS
from .resnet50 import ResNet50 as ResNet50
from .senet50 import SENet50 as SENet50
from .transforms import (
    computing_float32 as computing_float32,
    with_precision as with_precision,
)
from .unmasking import embedding_unmasking as embedding_unmasking, unmask as unmask
from .vggface import VGGFace as VGGFace
from .views import (
    mirror_join as mirror_join,
    upper_view as upper_view,
    whole_and_upper as whole_and_upper,
)
from .weights import load_weights as load_weights
