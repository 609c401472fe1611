"""The paper's experiments for a GPU: bfloat16 feature maps, compiled steps, larger batches.

The times below are for 2,000 images on one NVIDIA H200 with JAX, before faces and features stayed on
the GPU and compiled programs were kept (`tools/benchmark_gpu.py`; docs/gpu.md also explains the
installation).
"""

from __future__ import annotations

from maskedface.recipes.paper import PAPER_MASKED, PAPER_UNMASKED

PAPER_UNMASKED_GPU = PAPER_UNMASKED.override(
    name="paper_unmasked_gpu", precision="bfloat16", jit=True
)
"""`PAPER_UNMASKED` in bfloat16 with compiled steps; its batch size of 256 already suits a GPU.

Source: as `PAPER_UNMASKED`. Time: not measured separately; it computes less than
`PAPER_MASKED_GPU`.
"""

PAPER_MASKED_GPU = PAPER_MASKED.override(
    "optimizer.learning_rate=2e-4",
    name="paper_masked_gpu",
    init="paper_unmasked_gpu",
    precision="bfloat16",
    jit=True,
    batch_size=128,
)
"""`PAPER_MASKED` in bfloat16 with compiled steps of 128 images.

Source: as `PAPER_MASKED`; the learning rate is scaled with the square root of the batch size, which
preserves the noise of Adam's steps (Malladi et al. 2022, "On the SDEs and Scaling Rules for
Adaptive Gradient Algorithms"). Time: 29 s: 25 epochs of 0.4 s, the frozen features, and
compilation.
"""

PAPER_MASKED_DIRECT_GPU = PAPER_MASKED_GPU.override(name="paper_masked_direct_gpu", init="")
"""`recipes.PAPER_MASKED_DIRECT` with the same changes. Source, time: as `PAPER_MASKED_GPU`."""
