"""Open an ONNX graph and hold it to what its engine was written for: the one module with ORT."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from recognizer.base.errors import EngineError, ModelFileError

__all__ = ["OnnxGraph", "Tensor"]

# As onnx-asr leaves them out, and pyproject.toml; faster-whisper may have brought one all the same.
_KNOWN_BAD = re.compile(r"1\.24\.1|1\.25\..*|1\.26\.0")
_ERRORS_ONLY = 3  # onnxruntime's level; it writes to stderr by itself


@dataclass(frozen=True, slots=True)
class Tensor:
    """What one input or output of a graph has to be.

    Attributes
    ----------
    dtype : str
        As onnxruntime names it: `float`, `float16`, `int32`, `int64`.
    shape : tuple of (int or None)
        None: any length.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def accepts(self, dtype: str, shape: Sequence[int | str | None]) -> bool:
        """Return whether a tensor of a graph is such a one; lengths it leaves open are."""
        return (
            dtype == f"tensor({self.dtype})"
            and len(shape) == len(self.shape)
            and all(
                wanted is None or not isinstance(found, int) or found == wanted
                for wanted, found in zip(self.shape, shape, strict=True)
            )
        )

    def __str__(self) -> str:
        lengths = ", ".join("any" if n is None else str(n) for n in self.shape)
        return f"{self.dtype} [{lengths}]"


class OnnxGraph:
    """A graph on the CPU.

    Parameters
    ----------
    path : Path
    inputs, outputs : mapping of str to Tensor
        What it has to take and give, by name.
    threads : int
        CPU threads of one run.

    Raises
    ------
    ModelFileError
        If the file cannot be loaded or is another graph.
    EngineError
        If onnxruntime is a version known as bad.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],
        threads: int = 1,
    ) -> None:
        if _KNOWN_BAD.fullmatch(onnxruntime.__version__):
            raise EngineError(
                f"onnxruntime {onnxruntime.__version__} is known to run such models wrongly; type: "
                "pip install --upgrade onnxruntime"
            )
        self._path = path
        self._outputs = list(outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as problem:  # onnxruntime raises exceptions of its own, without a base
            raise ModelFileError(f"{path}: expected an ONNX graph: {problem}") from problem
        self._check("input", inputs, self._session.get_inputs())
        self._check("output", outputs, self._session.get_outputs())

    def _check(self, what: str, wanted: Mapping[str, Tensor], found: Sequence[Any]) -> None:
        there = {tensor.name: tensor for tensor in found}
        for name, tensor in wanted.items():
            if name not in there:
                raise ModelFileError(
                    f"{self._path}: expected an {what} {name!r}, found {', '.join(there)}"
                )
            if not tensor.accepts(there[name].type, there[name].shape):
                raise ModelFileError(
                    f"{self._path}: {what} {name!r}: expected {tensor}, "
                    f"found {there[name].type} {list(there[name].shape)}"
                )

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs by name.

        Raises
        ------
        EngineError
            If the graph failed.
        """
        try:
            results = self._session.run(self._outputs, dict(inputs))
        except Exception as problem:  # as above
            raise EngineError(f"{self._path}: the model failed: {problem}") from problem
        return {name: np.asarray(value) for name, value in zip(self._outputs, results, strict=True)}
