# Everything that Ringfort stands on, as imported targets. All of it comes from Debian 12's packages.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(gflags REQUIRED)
find_package(glog REQUIRED)
find_package(RocksDB 7.8 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
add_library(ringfort_xxhash INTERFACE)
target_include_directories(ringfort_xxhash SYSTEM INTERFACE $<BUILD_INTERFACE:${XXHASH_INCLUDE_DIR}>)

# The nodes' allocator; the sanitizers bring one of their own (src/decisions/0010).
add_library(ringfort_jemalloc INTERFACE)
if(NOT RINGFORT_SANITIZE)
  find_library(JEMALLOC_LIBRARY jemalloc REQUIRED)
  target_link_libraries(ringfort_jemalloc INTERFACE ${JEMALLOC_LIBRARY})
endif()

# Asio from Boost, headers only, without the parts that Ringfort does not use.
add_library(ringfort_asio INTERFACE)
target_link_libraries(ringfort_asio INTERFACE Boost::headers Threads::Threads)

if(RINGFORT_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
