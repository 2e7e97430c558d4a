#!/usr/bin/env bash
# Builds the three OpenCV modules that image folders need as static libraries, from the source package on PyPI, so that
# a wheel does not depend on the system's OpenCV and the hundred libraries behind it. Does nothing when it has been done.
#   tools/build_opencv.sh PREFIX [PYTHON]
set -euo pipefail

prefix=$(realpath -m "$1")
python=${2:-python3}
version=4.12.0.88
stamp=$prefix/.built-$version
[ -e "$stamp" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m pip download --quiet --no-deps --no-binary=opencv-python-headless -d "$work" \
  "opencv-python-headless==$version"
tar -xzf "$work"/opencv*.tar.gz -C "$work" --strip-components=1

off=(OPENEXR TIFF JASPER OPENJPEG IPP ITT PROTOBUF OPENCL EIGEN LAPACK FFMPEG GSTREAMER V4L GTK QUIRC AVIF JPEGXL IMGCODEC_HDR
     IMGCODEC_SUNRASTER IMGCODEC_PFM 1394 GPHOTO2 VTK)
flags=()
for feature in "${off[@]}"; do flags+=("-DWITH_$feature=OFF"); done
for codec in JPEG PNG WEBP ZLIB; do flags+=("-DBUILD_$codec=ON"); done
cmake -S "$work/opencv" -B "$work/build" -G Ninja -Wno-dev \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
  ${CMAKE_CXX_COMPILER_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_CXX_COMPILER_LAUNCHER} \
  ${CMAKE_CXX_COMPILER_LAUNCHER:+-DCMAKE_C_COMPILER_LAUNCHER=$CMAKE_CXX_COMPILER_LAUNCHER} \
  -DBUILD_SHARED_LIBS=OFF -DBUILD_LIST=core,imgproc,imgcodecs -DBUILD_TESTS=OFF -DBUILD_PERF_TESTS=OFF \
  -DBUILD_opencv_apps=OFF -DBUILD_JAVA=OFF -DBUILD_opencv_python3=OFF -DOPENCV_GENERATE_PKGCONFIG=OFF \
  -DCV_TRACE=OFF "${flags[@]}" >"$work/configure.log" || { tail -50 "$work/configure.log" >&2; exit 1; }
cmake --build "$work/build" --target install >"$work/build.log" || { tail -50 "$work/build.log" >&2; exit 1; }
touch "$stamp"
