# <wengert/...> within the build tree: links from the build to the rooms and to the files of include/wengert. Copies where
# the file system knows no links.
set(include_tree ${PROJECT_BINARY_DIR}/include/wengert)
file(MAKE_DIRECTORY ${include_tree})
file(GLOB front_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/wengert/*.h)
foreach(path IN LISTS room_paths front_headers)
  cmake_path(GET path FILENAME name)
  file(CREATE_LINK ${path} ${include_tree}/${name} COPY_ON_ERROR SYMBOLIC)
endforeach()

# What the build writes itself stands apart, or it would be written through the links into the source tree.
set(generated ${PROJECT_BINARY_DIR}/generated)
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${generated}/include/wengert/version.h @ONLY)

target_include_directories(
  wengert
  PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include> $<BUILD_INTERFACE:${generated}/include>
         $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
