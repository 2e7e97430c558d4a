# Sets `variable` to the folder of an installed Python package, of the Python that runs the build. Fails where there is
# none, naming `requirement` as what to install.
function(eightbit_python_package package requirement variable)
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('${package}').origin))"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE found ERROR_QUIET)
  if(NOT found EQUAL 0)
    message(FATAL_ERROR "${package} was not found. Install it with: ${Python_EXECUTABLE} -m pip install ${requirement}")
  endif()
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()
