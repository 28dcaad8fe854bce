# cmake --install: the library, the headers of every room, and what find_package(wengert) reads.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/wengert)

install(TARGETS wengert EXPORT wengert)
# Local symbols are a tenth of a static library, and of no use to who links it.
if(NOT BUILD_SHARED_LIBS AND CMAKE_STRIP)
  install(CODE "execute_process(COMMAND \"${CMAKE_STRIP}\" --discard-all
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:wengert>\")" CONFIGURATIONS Release)
endif()
foreach(room IN LISTS room_paths)
  install(
    DIRECTORY ${room}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wengert
    FILES_MATCHING
    PATTERN *.h
    PATTERN *-inl.h EXCLUDE
    PATTERN internal EXCLUDE
    PATTERN ops EXCLUDE)
endforeach()
install(FILES ${front_headers} ${generated}/include/wengert/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wengert)
install(FILES ${operations_header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wengert/autograd)

install(EXPORT wengert NAMESPACE wengert:: FILE wengert-targets.cmake DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/wengert-config.cmake.in ${generated}/wengert-config.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${generated}/wengert-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/wengert-config.cmake ${generated}/wengert-config-version.cmake DESTINATION ${package_folder})
