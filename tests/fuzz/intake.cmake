foreach(name multipart intake)
  lth_fuzz(fuzz_${name} SOURCES fuzz_${name}.c LIBS lth_intake_text
           CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
endforeach()
