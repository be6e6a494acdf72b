# What `cmake --install` puts down: the binaries, and the CMake package `ringfort` with its one target for
# users, ringfort::client. tests/install proves it.
include(CMakePackageConfigHelpers)

# ringfort_link_closure(TARGET OUT): TARGET and every target of this project that it links, however far
# down. An archive cannot be linked without those behind it, so they are installed together.
function(ringfort_link_closure target out)
  set(closure)
  set(queue ${target})
  while(queue)
    list(POP_FRONT queue next)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" next "${next}")
    if(NOT next MATCHES "^ringfort_" OR next IN_LIST closure)
      continue()
    endif()
    list(APPEND closure ${next})
    get_target_property(links ${next} INTERFACE_LINK_LIBRARIES)
    if(links)
      list(APPEND queue ${links})
    endif()
  endwhile()
  set(${out} ${closure} PARENT_SCOPE)
endfunction()

foreach(program ringfortd ringfortctl ringfort-bench)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
  endif()
endforeach()

if(NOT TARGET ringfort_sdk)
  return()
endif()

add_library(ringfort::client ALIAS ringfort_sdk)
ringfort_link_closure(ringfort_sdk client_targets)
foreach(target IN LISTS client_targets)
  # Visible in a user's build only when something is wrong; named so that nobody links it by mistake.
  string(REGEX REPLACE "^ringfort_" "internal_" export_name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
endforeach()
set_target_properties(ringfort_sdk PROPERTIES EXPORT_NAME client)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringfort)
install(TARGETS ${client_targets} EXPORT ringfort
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ringfort
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client FILES_MATCHING PATTERN "*.h")
install(EXPORT ringfort NAMESPACE ringfort:: FILE ringfort-targets.cmake
  DESTINATION ${package_dir} COMPONENT client)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/ringfort-config.cmake.in
  ${PROJECT_BINARY_DIR}/ringfort-config.cmake INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 every minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ringfort-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ringfort-config.cmake
  ${PROJECT_BINARY_DIR}/ringfort-config-version.cmake
  DESTINATION ${package_dir} COMPONENT client)
