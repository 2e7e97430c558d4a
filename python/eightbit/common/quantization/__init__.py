"""The paths under which NNCF's users find `eightbit.common.quantization.structs`."""
