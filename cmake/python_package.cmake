# Sets `variable` to the folder of an installed Python package, of the Python that runs the build. Where there is none it
# fails, naming `requirement` as what to install, or is "" where that is empty.
function(eightbit_python_package package requirement variable)
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('${package}').origin))"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE found ERROR_QUIET)
  if(NOT found EQUAL 0 AND requirement)
    message(FATAL_ERROR "${package} was not found. Install it with: ${Python_EXECUTABLE} -m pip install ${requirement}")
  endif()
  set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

# The folder of installed Python packages. In an isolated build it holds what eightbit is built for, and the packages that
# can be imported are those of the build.
function(eightbit_installed_packages variable)
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
  execute_process(COMMAND ${Python_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_paths()['platlib'])"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()
