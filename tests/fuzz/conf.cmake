lth_fuzz(fuzz_yaml SOURCES fuzz_yaml.c LIBS lth_conf
         CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/yaml)
