"""quantize_pt2e() and its quantizer, under the path of NNCF."""

from eightbit.torch.fx import OpenVINOQuantizer, quantize_pt2e

__all__ = ["OpenVINOQuantizer", "quantize_pt2e"]
