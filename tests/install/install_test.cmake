# Stages the build in BUILD_DIR into a prefix below WORK_DIR, then configures, builds and runs consumer/
# with nothing but that prefix.
set(prefix ${WORK_DIR}/prefix)
set(consumer ${WORK_DIR}/consumer)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed with ${code}: ${command}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --config ${CONFIG} --prefix ${prefix})

# Nothing of what is installed may point back to where it was built.
file(GLOB_RECURSE package_files ${prefix}/*.cmake ${prefix}/*.h)
foreach(file IN LISTS package_files)
  file(READ ${file} text)
  foreach(dir ${SOURCE_DIR} ${BUILD_DIR})
    string(FIND "${text}" "${dir}/" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${dir}: the package works on this machine only")
    endif()
  endforeach()
endforeach()

run(${PYTHON} ${SOURCE_DIR}/tests/install/readme_example.py ${SOURCE_DIR}/README.md
    ${WORK_DIR}/readme_example.cc)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE_DIR}/tests/install/consumer -B ${consumer}
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=${CONFIG} -D CMAKE_CXX_COMPILER=${CXX_COMPILER}
    -D "CMAKE_CXX_FLAGS=${CXX_FLAGS}" -D README_EXAMPLE=${WORK_DIR}/readme_example.cc)
run(${CMAKE_COMMAND} --build ${consumer})
run(${consumer}/consumer)

foreach(program ringfortd ringfortctl)
  run(${prefix}/bin/${program} --version)
  if(NOT output MATCHES "${VERSION}")
    message(FATAL_ERROR "${program} --version does not name ${VERSION}")
  endif()
endforeach()
