# The classes of ONNX's protobuf messages, generated from the onnx-ml.proto of the installed `onnx` package.
#
# They are generated for protobuf's lite runtime, which keeps no process-wide registry of messages: any number of
# protobufs may live in one Python process, if their symbols do not meet. TensorFlow shows its own to all libraries that are
# loaded after it, and those are found first. So the static libprotobuf-lite is taken where it can go into a shared library.
# Debian's cannot (it is compiled for programs): there a copy of the shared one is made whose symbols have another name.
set(EIGHTBIT_ONNX_PROTO_DIR "" CACHE PATH "Folder of onnx-ml.proto; empty: the installed Python package onnx")
set(onnx_proto_dir ${EIGHTBIT_ONNX_PROTO_DIR})
if(NOT onnx_proto_dir)
  eightbit_python_package(onnx onnx onnx_proto_dir)
endif()
find_program(PROTOC_EXECUTABLE protoc REQUIRED)
find_path(PROTOBUF_INCLUDE_DIR google/protobuf/message_lite.h REQUIRED)
find_library(PROTOBUF_LITE_STATIC NAMES libprotobuf-lite.a)
find_library(PROTOBUF_LITE_SHARED NAMES protobuf-lite)

if(PROTOBUF_LITE_STATIC AND NOT DEFINED EIGHTBIT_PROTOBUF_IS_PIC)
  file(WRITE ${PROJECT_BINARY_DIR}/protobuf_probe.cc
    "#include <google/protobuf/arena.h>\nvoid* probe() { return new google::protobuf::Arena; }\n")
  try_compile(EIGHTBIT_PROTOBUF_IS_PIC ${PROJECT_BINARY_DIR}/protobuf_probe
    SOURCES ${PROJECT_BINARY_DIR}/protobuf_probe.cc
    CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${PROTOBUF_INCLUDE_DIR} -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    LINK_OPTIONS -shared LINK_LIBRARIES ${PROTOBUF_LITE_STATIC} pthread)
endif()
if(PROTOBUF_LITE_STATIC AND EIGHTBIT_PROTOBUF_IS_PIC)
  set(EIGHTBIT_PROTOBUF ${PROTOBUF_LITE_STATIC})
elseif(PROTOBUF_LITE_SHARED)
  include(cmake/renamed_protobuf.cmake)
else()
  message(FATAL_ERROR "protobuf was not found. Install libprotobuf-dev and protobuf-compiler.")
endif()
message(STATUS "protobuf: ${EIGHTBIT_PROTOBUF}")

set(onnx_generated ${PROJECT_BINARY_DIR}/onnx_proto)
file(MAKE_DIRECTORY ${onnx_generated})
add_custom_command(
  OUTPUT ${onnx_generated}/onnx-ml.pb.cc ${onnx_generated}/onnx-ml.pb.h
  COMMAND ${PROTOC_EXECUTABLE} -I${onnx_proto_dir} --cpp_out=lite:${onnx_generated} ${onnx_proto_dir}/onnx-ml.proto
  DEPENDS ${onnx_proto_dir}/onnx-ml.proto)
add_library(eightbit_onnx_proto OBJECT ${onnx_generated}/onnx-ml.pb.cc ${onnx_generated}/onnx-ml.pb.h)
target_compile_options(eightbit_onnx_proto PRIVATE -w)
target_compile_definitions(eightbit_onnx_proto PUBLIC ${EIGHTBIT_PROTOBUF_DEFINITIONS})
target_include_directories(eightbit_onnx_proto SYSTEM PUBLIC ${onnx_generated} ${PROTOBUF_INCLUDE_DIR})
