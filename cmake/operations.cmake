# Collects what the files of autograd/ops say about themselves: their declarations become one public header, their
# operations the catalogue. collect_operations.cmake does it, whenever one of them changes.
file(GLOB operation_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/autograd/ops/*.cpp)
set(operations_header ${generated}/include/wengert/autograd/operations.h)
set(catalogue_source ${generated}/catalogue.cpp)

add_custom_command(
  OUTPUT ${operations_header} ${catalogue_source}
  COMMAND ${CMAKE_COMMAND} -D FOLDER=${PROJECT_SOURCE_DIR}/autograd/ops -D HEADER=${operations_header} -D CATALOGUE=${catalogue_source} -P
          ${PROJECT_SOURCE_DIR}/cmake/collect_operations.cmake
  DEPENDS ${operation_files} ${PROJECT_SOURCE_DIR}/cmake/collect_operations.cmake
  COMMENT "Collecting the catalogue of operations"
  VERBATIM)
target_sources(wengert PRIVATE ${operations_header} ${catalogue_source})
