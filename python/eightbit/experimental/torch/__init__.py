"""The paths under which NNCF's users find `eightbit.experimental.torch.fx`."""
