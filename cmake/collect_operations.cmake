# cmake -D FOLDER=autograd/ops -D HEADER=…/operations.h -D CATALOGUE=…/catalogue.cpp -P collect_operations.cmake
#
# From every source of FOLDER, in the order of their names:
#   - the lines between `#ifdef WENGERT_DECLARATIONS` and the next `#endif` go into HEADER;
#   - every `WENGERT_OPERATION(name)` at the beginning of a line becomes an entry of CATALOGUE, documented by the `///`
#     comment above the declarations that declare a function of that name.
# Text is only ever handled as whole strings: a list would trip over its semicolons and brackets.
cmake_minimum_required(VERSION 3.25)

# The declarations of a source, with an empty line between its blocks.
function(read_declarations text result)
  set(opening "\n#ifdef WENGERT_DECLARATIONS")
  set(blocks "")
  while(TRUE)
    string(FIND "${text}" "${opening}" start)
    if(start EQUAL -1)
      break()
    endif()
    math(EXPR start "${start} + 1")
    string(SUBSTRING "${text}" ${start} -1 text)
    string(FIND "${text}" "\n#endif" end)
    if(end EQUAL -1)
      message(FATAL_ERROR "${file}: #ifdef WENGERT_DECLARATIONS has no #endif")
    endif()
    string(SUBSTRING "${text}" 0 ${end} block)
    string(SUBSTRING "${text}" ${end} -1 text)
    string(FIND "${block}\n" "\n" first_line)
    string(SUBSTRING "${block}" ${first_line} -1 block)
    string(STRIP "${block}" block)
    string(APPEND blocks "${block}\n\n")
  endwhile()
  set(${result} "${blocks}" PARENT_SCOPE)
endfunction()

# The comment above the declaration of each of `names`, as variables documentation_<name>. A comment covers the lines that
# follow it up to an empty one, so a group of functions may share it.
function(read_documentation declarations names)
  set(comment "")
  set(in_comment FALSE)
  while(NOT declarations STREQUAL "")
    string(FIND "${declarations}" "\n" length)
    string(SUBSTRING "${declarations}" 0 ${length} line)
    math(EXPR next "${length} + 1")
    string(SUBSTRING "${declarations}" ${next} -1 declarations)

    if(line MATCHES "^///( (.*))?$")
      if(NOT in_comment)
        set(comment "")
      endif()
      set(in_comment TRUE)
      string(APPEND comment "${CMAKE_MATCH_2}\n")
      continue()
    endif()
    set(in_comment FALSE)
    if(line STREQUAL "")
      set(comment "")
    elseif(NOT comment STREQUAL "" AND line MATCHES "[ &*]([A-Za-z0-9_]+)\\(")
      set(name "${CMAKE_MATCH_1}")
      if(name IN_LIST names AND NOT DEFINED documentation_${name})
        string(STRIP "${comment}" documentation_${name})
        set(documentation_${name} "${documentation_${name}}" PARENT_SCOPE)
      endif()
    endif()
  endwhile()
endfunction()

function(write_if_changed path text)
  if(EXISTS "${path}")
    file(READ "${path}" before)
    if(before STREQUAL text)
      return()
    endif()
  endif()
  file(WRITE "${path}" "${text}")
endfunction()

set(all_declarations "")
set(functions "")
set(entries "")
file(GLOB files "${FOLDER}/*.cpp")
list(SORT files)
foreach(file IN LISTS files)
  file(READ "${file}" text)
  set(text "\n${text}")
  read_declarations("${text}" declarations)
  string(APPEND all_declarations "${declarations}")

  string(REGEX MATCHALL "\nWENGERT_OPERATION\\([A-Za-z0-9_]+\\)" names "${text}")
  list(TRANSFORM names REPLACE "^.WENGERT_OPERATION.(.*).$" "\\1")
  foreach(name IN LISTS names)
    unset(documentation_${name})
  endforeach()
  read_documentation("${declarations}" "${names}")
  foreach(name IN LISTS names)
    string(APPEND functions "const Operation& ${name}();\n")
    string(APPEND entries "    {&operations::${name}, \"${name}\", R\"doc(${documentation_${name}})doc\"},\n")
  endforeach()
endforeach()

write_if_changed("${HEADER}" "#pragma once

/// @file
/// Every operation of the library. Written by the build from the declarations in autograd/ops/*.cpp.

#include <cstdint>
#include <span>
#include <vector>

#include <wengert/autograd/operand.h>
#include <wengert/autograd/tensor.h>

namespace wengert {

${all_declarations}}  // namespace wengert
")

write_if_changed("${CATALOGUE}" "// Written by the build from the operations in autograd/ops/*.cpp.

#include <vector>

#include <wengert/autograd/catalogue.h>

namespace wengert {

namespace operations {
${functions}}  // namespace operations

std::span<const detail::CatalogueEntry> detail::builtin_operations() {
  static const std::vector<CatalogueEntry> entries = {
${entries}  };
  return entries;
}

}  // namespace wengert
")
