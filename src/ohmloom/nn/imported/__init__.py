"""Networks from files of other tools."""

from ohmloom.nn.imported.network import OnnxNetwork, from_onnx

__all__ = ["OnnxNetwork", "from_onnx"]
