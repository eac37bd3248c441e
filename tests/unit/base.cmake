foreach(name err format bytes arena time)
  lth_test(test_base_${name} SOURCES test_base_${name}.c LIBS lth_base)
endforeach()
lth_test(test_base_log SOURCES test_base_log.c LIBS lth_log)
