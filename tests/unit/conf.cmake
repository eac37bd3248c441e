# Configuration files: what they give, where their errors are, how they are documented.
foreach(name load errors orgs hostile)
  lth_test(test_conf_${name} SOURCES test_conf_${name}.c test_conf_kit.c LIBS lth_conf
           ARGS ${CMAKE_SOURCE_DIR}/config)
endforeach()
lth_test(test_conf_docs SOURCES test_conf_docs.c LIBS lth_conf
         ARGS ${CMAKE_SOURCE_DIR}/docs/config.md)
lth_test(test_conf_profile SOURCES test_conf_profile.c test_conf_kit.c LIBS lth_conf)
