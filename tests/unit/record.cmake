# The signed batch. lth_test_hasher is for every test that needs hashes but no real ECDSA.
lth_library(lth_test_hasher SOURCES test_hasher.c LIBS lth_base PkgConfig::ssl)
target_include_directories(lth_test_hasher PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
foreach(name batch builder statement)
  lth_test(test_record_${name} SOURCES test_record_${name}.c test_record_make.c
           LIBS lth_record lth_test_hasher)
endforeach()
lth_test(test_record_merkle SOURCES test_record_merkle.c LIBS lth_record lth_test_hasher)

# Golden vectors: this implementation with real certificates, and the independent one.
lth_test(test_record_golden SOURCES test_record_golden.c
         LIBS lth_record lth_crypto PkgConfig::jansson ARGS ${CMAKE_SOURCE_DIR}/tests/golden/vectors)
add_test(NAME golden_python COMMAND /usr/bin/python3 -B
         ${CMAKE_SOURCE_DIR}/tests/golden/lthverify.py check ${CMAKE_SOURCE_DIR}/tests/golden/vectors)
set_tests_properties(golden_python PROPERTIES LABELS unit TIMEOUT 120)
