foreach(name record proof)
  lth_fuzz(fuzz_${name} SOURCES fuzz_${name}.c LIBS lth_record lth_test_hasher
           CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
endforeach()
