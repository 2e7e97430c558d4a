"""What the figures were measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

_EXTENSIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
}


def describe() -> dict:
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "isa": isa(),
        "python": platform.python_version(),
        **{name: package_version(name) for name in ("openvino", "nncf")},
    }


def one_line(machine: dict) -> str:
    return (
        f"{machine['cores']} cores of {machine['cpu']} ({', '.join(machine['isa']) or 'no vector extensions'}), "
        f"OpenVINO {machine['openvino']} in f32, NNCF {machine['nncf']}"
    )


def cpu_name() -> str:
    for key, value in cpu_facts():
        if key == "model name":
            return value
    return platform.processor() or platform.machine()


def isa() -> list[str]:
    for key, value in cpu_facts():
        if key in ("flags", "Features"):
            present = set(value.split())
            return [name for flag, name in _EXTENSIONS.items() if flag in present]
    return []


def cpu_facts():
    try:
        with open("/proc/cpuinfo", encoding="utf8") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    return [
        (key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)
    ]


def package_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
