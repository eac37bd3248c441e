# The upload page.
lth_test(test_intake_conf SOURCES test_intake_conf.c test_conf_kit.c LIBS lth_conf
         ARGS ${CMAKE_SOURCE_DIR}/config)
foreach(part text multipart)
  lth_test(test_intake_${part} SOURCES test_intake_${part}.c LIBS lth_intake_text)
endforeach()
lth_test(test_intake_state SOURCES test_intake_state.c LIBS lth_intake_state)
