# The signed batch. lth_test_hasher is for every test that needs hashes but no real ECDSA.
lth_library(lth_test_hasher SOURCES test_hasher.c LIBS lth_base PkgConfig::ssl)
target_include_directories(lth_test_hasher PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
