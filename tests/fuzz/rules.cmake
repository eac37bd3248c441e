foreach(name expr codes)
  lth_fuzz(fuzz_${name} SOURCES fuzz_${name}.c LIBS lth_conf lth_schema
           CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
endforeach()
