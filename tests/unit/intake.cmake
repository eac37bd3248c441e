# The upload page.
lth_test(test_intake_conf SOURCES test_intake_conf.c test_conf_kit.c LIBS lth_conf
         ARGS ${CMAKE_SOURCE_DIR}/config)
