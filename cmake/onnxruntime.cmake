# The headers of ONNX Runtime; the library itself is opened at run time. They are Debian's libonnxruntime-dev, which
# tools/setup.sh installs or, where the distribution lacks it, unpacks into the Python environment. Without them ONNX
# models can be read and written but not run. A source distribution carries them.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
execute_process(COMMAND ${Python_EXECUTABLE} -c "import sys; print(sys.prefix)"
  OUTPUT_VARIABLE python_prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h HINTS ${python_prefix}/include ${PROJECT_SOURCE_DIR}/third_party
  PATH_SUFFIXES onnxruntime)
set(EIGHTBIT_ONNXRUNTIME_SOURCES "/(runtime|library|session|measure_op|inputs|join|instrument|executor|engine|inspect)\\.cc$")
if(ONNXRUNTIME_INCLUDE_DIR)
  set(EIGHTBIT_WITHOUT_SOURCES "/no_onnxruntime\\.cc$")
else()
  set(EIGHTBIT_WITHOUT_SOURCES ${EIGHTBIT_ONNXRUNTIME_SOURCES})
  message(WARNING "The headers of ONNX Runtime were not found: ONNX models will not run. Run tools/setup.sh.")
endif()
