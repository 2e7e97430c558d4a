#!/usr/bin/env bash
# EfficientNet-Lite0 in 8 bits from a folder of images, and how far and how fast it is.
#   tools/demo.sh EIGHTBIT INPUTS OUT
set -euo pipefail
eightbit=$1 inputs=$2 out=$3
mkdir -p "$out"

run() { echo "\$ eightbit ${*//$inputs\//}"; "$eightbit" "$@"; echo; }
images=(--data "$inputs/images" --mean 127 --scale 128)

run quantize "$inputs/efflite0.onnx" "${images[@]}" -o "$out/efflite0_int8.xml" --force
run compare "$inputs/efflite0.onnx" "$out/efflite0_int8.xml" "${images[@]}"
run inspect "$out/efflite0_int8.xml"
run benchmark "$inputs/efflite0.onnx" "$out/efflite0_int8.xml"
