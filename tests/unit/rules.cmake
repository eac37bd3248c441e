# Code lists, rules and their expressions.
foreach(name codes rules)
  lth_test(test_schema_${name} SOURCES test_schema_${name}.c test_rules_kit.c LIBS lth_schema)
endforeach()
lth_test(test_schema_expr SOURCES test_schema_expr.c test_rules_kit.c LIBS lth_schema
         ARGS ${CMAKE_CURRENT_SOURCE_DIR}/expr_vectors.txt)
lth_test(test_conf_rules SOURCES test_conf_rules.c LIBS lth_conf)
target_compile_definitions(test_conf_rules PRIVATE LTH_CONFIG_DIR="${CMAKE_SOURCE_DIR}/config")
