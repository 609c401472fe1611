"""The paper's experiments for a GPU: bfloat16 maps, compiled steps, larger batches.

The times below are estimates, not measurements: no GPU was at hand. They count 5.3 GFLOP a forward pass
of ResNet50 at 180 px (4.1 GMAC at 224 px, He et al. 2016, times (180 / 224)^2 and 2) at a quarter of
an NVIDIA H100's 989 TFLOP/s (dense bfloat16, its data sheet), and 2,000 images; compiling takes longer.
`tools/benchmark_gpu.py` measures them.
docs/gpu.md says what to install.
"""

from __future__ import annotations

from maskedface.recipes.paper import PAPER_MASKED, PAPER_UNMASKED

PAPER_UNMASKED_GPU = PAPER_UNMASKED.override(
    name="paper_unmasked_gpu", precision="bfloat16", jit=True
)
"""`PAPER_UNMASKED` in bfloat16 with compiled steps; its batch of 256 is a GPU's already.

Source: as `PAPER_UNMASKED`. Expected time: under a second of computing.
"""

PAPER_MASKED_GPU = PAPER_MASKED.override(
    name="paper_masked_gpu",
    init="paper_unmasked_gpu",
    precision="bfloat16",
    jit=True,
    batch_size=128,
    learning_rate=2e-4,
)
"""`PAPER_MASKED` in bfloat16 with compiled steps of 128 images.

Source: as `PAPER_MASKED`; the rate grows with the square root of the batch, which keeps the noise of
Adam's steps (Malladi et al. 2022, "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms").
Expected time: about a second of computing.
"""

PAPER_MASKED_DIRECT_GPU = PAPER_MASKED_GPU.override(name="paper_masked_direct_gpu", init="")
"""`recipes.PAPER_MASKED_DIRECT` likewise. Source, time: as `PAPER_MASKED_GPU`."""
