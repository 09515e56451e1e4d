"""A model for other software: a web page, ONNX, stock Keras, the Hugging Face hub, plain NumPy.

Each holds the network alone. The memory of the text stays behind: it is Charloom's, and the
text itself.
"""

from .export import FORMATS, export_model

__all__ = ["FORMATS", "export_model"]
