# Embeds the files below FOLDER: writes the C++ source OUT, which defines
# FUNCTION of embedded_files.h. Source maps are left out. Run with `cmake -P`.
#
# The assembler includes the bytes (.incbin): a literal of a megabyte would take
# the compiler seconds and Clang and GCC differ in how they may be written. The
# hashes in the comments change with the files, for compiler caches that look at
# the source alone.

file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
list(FILTER files EXCLUDE REGEX "\\.map(\\.gz|\\.br)?$")
list(SORT files)

set(assembly "")
set(symbols "")
set(rows "")
set(number 0)
foreach(file IN LISTS files)
  set(symbol "vk_${FUNCTION}_${number}")
  file(SHA256 ${FOLDER}/${file} hash)
  string(APPEND assembly "    // ${file} ${hash}\n")
  string(APPEND assembly "    \".globl ${symbol}\\n.hidden ${symbol}\\n${symbol}:\\n\"\n")
  string(APPEND assembly "    \".incbin \\\"${FOLDER}/${file}\\\"\\n\"\n")
  string(APPEND assembly "    \".globl ${symbol}_end\\n.hidden ${symbol}_end\\n${symbol}_end:\\n\"\n")
  # A byte between two files: an empty one has an address of its own.
  string(APPEND assembly "    \".byte 0\\n\"\n")
  string(APPEND symbols "extern const char ${symbol}[], ${symbol}_end[];\n")
  string(APPEND rows "          {\"${file}\",\n           {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})}},\n")
  math(EXPR number "${number} + 1")
endforeach()

set(code "// Made by EmbedFiles.cmake; do not edit.\n\n")
string(APPEND code "#include <cstddef>\n\n")
string(APPEND code "#include \"service/web/embedded_files.h\"\n\n")
if(files)
  string(APPEND code "__asm__(\n    \".pushsection .rodata\\n\"\n${assembly}    \".popsection\\n\");\n\n")
  string(APPEND code "extern \"C\" {\n${symbols}}\n\n")
endif()
string(APPEND code "namespace valetkey::web {\n\n")
string(APPEND code "const std::vector<EmbeddedFile>& ${FUNCTION}();\n\n")
string(APPEND code "const std::vector<EmbeddedFile>& ${FUNCTION}() {\n")
string(APPEND code "  static const auto& files = *new std::vector<EmbeddedFile>{\n${rows}      };\n")
string(APPEND code "  return files;\n}\n\n}  // namespace valetkey::web\n")
file(WRITE ${OUT} "${code}")
