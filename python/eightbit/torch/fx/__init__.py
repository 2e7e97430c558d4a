"""The PyTorch 2 export way: a quantizer of torchao annotates an exported graph, and eightbit finds the numbers.

The names are those of nncf.experimental.torch.fx; with_dequantize_ops is for other compilers than OpenVINO.
"""

from eightbit.torch.fx.lowering import with_dequantize_ops
from eightbit.torch.fx.openvino_quantizer import OpenVINOQuantizer
from eightbit.torch.fx.quantize_pt2e import quantize_pt2e

__all__ = ["OpenVINOQuantizer", "quantize_pt2e", "with_dequantize_ops"]
