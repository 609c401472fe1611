"""The registry of engines."""

from __future__ import annotations

from maskedface.engines.engine import AUTO, PRECISIONS, Engine
from maskedface.engines.keras_engine import KerasEngine
from maskedface.engines.onnx_engine import OnnxEngine
from maskedface.engines.openvino_engine import OpenVinoEngine

ENGINES: dict[str, Engine] = {
    one.name: one for one in (KerasEngine(), OpenVinoEngine(), OnnxEngine())
}
"""All engines: {name: engine}; custom ones may be added."""


def check_engine(engine: str, precision: str) -> None:
    """Checks an engine and its precision.

    Args:
        engine: a key of `ENGINES`, or "auto".
        precision: one of `PRECISIONS`, supported by that engine.

    Raises:
        ValueError: if an argument is invalid, or the machine does not support the precision.
        ModuleNotFoundError: if the engine is not installed; the message has the pip command.
    """
    if engine not in (*ENGINES, AUTO) or precision not in PRECISIONS:
        raise ValueError(
            f"engine must be one of {(*ENGINES, AUTO)}, and its precision one of {PRECISIONS}. "
            f"Received: engine={engine!r}, precision={precision!r}"
        )
    if engine == AUTO:
        return
    found = ENGINES[engine]
    if precision not in found.precisions:
        raise ValueError(
            f"the precision of the engine {engine!r} must be one of {found.precisions}. "
            f"Received: precision={precision!r}"
        )
    found.version()
    reason = found.why_not(precision)
    if reason:
        raise ValueError(
            f"the engine {engine!r} must be able to compute in {precision}. Received: {reason}"
        )
