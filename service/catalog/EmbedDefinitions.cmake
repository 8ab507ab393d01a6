# Writes the .textproto files in FOLDER into the C++ source OUT, as a table of
# names and texts. Run with `cmake -P`.

file(GLOB FILES ${FOLDER}/*.textproto)
list(SORT FILES)

set(code "// Made by EmbedDefinitions.cmake; do not edit.\n\n")
string(APPEND code "#include \"service/catalog/builtin_definitions.h\"\n\n")
string(APPEND code "namespace valetkey::catalog {\n\n")
string(APPEND code "const std::vector<BuiltinDefinition>& BuiltinDefinitions() {\n")
string(APPEND code "  static const auto& definitions =\n")
string(APPEND code "      *new std::vector<BuiltinDefinition>{\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND code "          {\"${name}\", R\"~def~(${text})~def~\"},\n")
endforeach()
string(APPEND code "      };\n  return definitions;\n}\n\n")
string(APPEND code "}  // namespace valetkey::catalog\n")
file(WRITE ${OUT} "${code}")
