# Definitions of datasets over time: what may change, and that old bytes stay good. What the shipped
# rules find.
lth_test(test_schema_compat SOURCES test_schema_compat.c test_schema_kit.c LIBS lth_conf
         ARGS ${CMAKE_SOURCE_DIR}/config/datasets ${CMAKE_SOURCE_DIR}/tests/golden/schema)
lth_test(test_dictionary_rules SOURCES test_dictionary_rules.c LIBS lth_conf
         ARGS ${CMAKE_SOURCE_DIR}/config/datasets ${CMAKE_CURRENT_SOURCE_DIR}/dictionary_cases.txt)
