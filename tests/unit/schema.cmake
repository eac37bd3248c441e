# Datasets as data: group bytes, values, mapping, natural keys, registry, routes.
foreach(name group value judge map registry policy)
  lth_test(test_schema_${name} SOURCES test_schema_${name}.c test_schema_kit.c LIBS lth_schema)
endforeach()
lth_test(test_schema_natural SOURCES test_schema_natural.c test_schema_kit.c
         LIBS lth_schema lth_test_hasher)

# Group bytes against the stock protobuf library, through the .proto that a dataset prints.
add_executable(test_schema_codec test_schema_codec.c)
target_link_libraries(test_schema_codec PRIVATE lth_conf)
add_test(NAME test_schema_proto COMMAND /usr/bin/python3 -B
         ${CMAKE_CURRENT_SOURCE_DIR}/test_schema_proto.py $<TARGET_FILE:test_schema_codec>
         ${CMAKE_SOURCE_DIR}/config/datasets)
set_tests_properties(test_schema_proto PROPERTIES LABELS unit TIMEOUT 120)
