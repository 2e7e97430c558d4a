# Files as arrays of a C++ source. Run as a script:
#   cmake -DOUTPUT=resources.cc "-DFILES=kName=path;kOther=path" -P embed.cmake
set(code "#include \"analysis/report_resources.h\"\n\nnamespace eightbit::resources {\nnamespace {\n\n")
foreach(entry ${FILES})
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${entry}")
  set(name ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND code "constexpr unsigned char ${name}Bytes[] = {${bytes}0};\n")
  string(APPEND views
    "extern const std::string_view ${name};\n"
    "const std::string_view ${name}(reinterpret_cast<const char*>(${name}Bytes), sizeof ${name}Bytes - 1);\n")
endforeach()
file(WRITE "${OUTPUT}" "${code}\n}  // namespace\n\n${views}\n}  // namespace eightbit::resources\n")
