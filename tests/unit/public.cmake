# The public stream: its records, and how they travel down.
lth_test(test_public_records SOURCES test_public_records.c LIBS lth_conf lth_schema lth_record lth_test_hasher)
target_compile_definitions(test_public_records PRIVATE LTH_CONFIG_DIR="${CMAKE_SOURCE_DIR}/config")
lth_test(test_public_broker SOURCES test_public_broker.c LIBS lth_test_broker)
lth_test(test_public_agent SOURCES test_public_agent.c LIBS lth_test_broker lth_agent_core)
lth_test(test_public_conf SOURCES test_public_conf.c LIBS lth_conf lth_schema lth_record)
target_compile_definitions(test_public_conf PRIVATE LTH_CONFIG_DIR="${CMAKE_SOURCE_DIR}/config")
