"""A CTranslate2 model's weights as an openai-whisper checkpoint, so that both engines can have the same weights.

Knows both layouts, and neither loads nor runs a model.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {0: np.float32, 4: np.float16, 1: np.int8, 2: np.int16, 3: np.int32}
"""CTranslate2's numbers for them."""

_ATTENTION = {"self_attention": "attn", "attention": "cross_attn"}
_NORMS = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}

Weights = dict[str, npt.NDArray[Any]]


def write_checkpoint(model_directory: Path, destination: Path) -> Path:
    """Write the float16 weights of a CTranslate2 Whisper model (`model.bin`, version 6) as a .pt file.

    Raises `ValueError` for another version or kind of model.
    """
    import torch

    weights = _read(model_directory / "model.bin")
    tensors = {name: torch.from_numpy(array.copy()) for name, array in _renamed(weights)}
    layers = {
        side: len({name.split(".")[2] for name in tensors if name.startswith(f"{side}.blocks.")})
        for side in ("encoder", "decoder")
    }
    width, mels = weights["encoder/conv1/weight"].shape[:2]
    heads = int(weights["encoder/num_heads"])
    dims = {
        "n_mels": mels,
        "n_audio_ctx": len(tensors["encoder.positional_embedding"]),
        "n_audio_state": width,
        "n_audio_head": heads,
        "n_audio_layer": layers["encoder"],
        "n_vocab": len(tensors["decoder.token_embedding.weight"]),
        "n_text_ctx": len(tensors["decoder.positional_embedding"]),
        "n_text_state": width,
        "n_text_head": heads,
        "n_text_layer": layers["decoder"],
    }
    torch.save({"dims": dims, "model_state_dict": tensors}, destination)
    return destination


@dataclass
class _Cursor:
    data: memoryview
    position: int = 0

    def take(self, size: int) -> memoryview:
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, form: str) -> int:
        value: int = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]
        return value

    def name(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()


def _read(file: Path) -> Weights:
    cursor = _Cursor(memoryview(file.read_bytes()))
    found = (cursor.number("I"), cursor.name())
    if found != (6, "WhisperSpec"):
        raise ValueError(f"expected a Whisper model of CTranslate2's version 6, found {found}")
    cursor.number("I")  # the specification's revision
    weights: Weights = {}
    for _ in range(cursor.number("I")):
        name = cursor.name()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind = _TYPES[cursor.number("B")]
        weights[name] = np.frombuffer(cursor.take(cursor.number("I")), kind).reshape(shape)
    return weights


def _renamed(weights: Weights) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    yield "encoder.positional_embedding", weights["encoder/position_encodings/encodings"]
    yield "decoder.positional_embedding", weights["decoder/position_encodings/encodings"]
    yield "decoder.token_embedding.weight", weights["decoder/embeddings/weight"]
    plain = {
        "encoder/conv1": "encoder.conv1",
        "encoder/conv2": "encoder.conv2",
        "encoder/layer_norm": "encoder.ln_post",
        "decoder/layer_norm": "decoder.ln",
    }
    for name, array in weights.items():
        where, _, part = name.rpartition("/")
        part = {"gamma": "weight", "beta": "bias"}.get(part, part)
        if part not in {"weight", "bias"}:
            continue
        if where in plain:
            yield f"{plain[where]}.{part}", array
        elif "/layer_" in where:
            side, layer, *rest = where.split("/")
            yield from _of_layer(f"{side}.blocks.{layer.removeprefix('layer_')}", rest, part, array)


def _of_layer(
    block: str, rest: list[str], part: str, array: npt.NDArray[Any]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Split one of a layer's arrays: CTranslate2 keeps what one product can compute in one array."""
    unit, inner = rest
    if inner == "layer_norm":
        yield f"{block}.{_NORMS[unit]}.{part}", array
        return
    number = int(inner.removeprefix("linear_"))
    if unit == "ffn":
        yield f"{block}.mlp.{2 * number}.{part}", array
        return
    together = {
        ("self_attention", 0): ("query", "key", "value"),
        ("self_attention", 1): ("out",),
        ("attention", 0): ("query",),
        ("attention", 1): ("key", "value"),
        ("attention", 2): ("out",),
    }[unit, number]
    for name, piece in zip(together, np.split(array, len(together)), strict=True):
        if (name, part) != ("key", "bias"):  # Whisper's keys have none: theirs here is zero
            yield f"{block}.{_ATTENTION[unit]}.{name}.{part}", piece
