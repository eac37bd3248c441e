# Frame codec: against golden bytes and against the stock protobuf library of another language.
lth_test(test_proto_frame
         SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_proto_frame.c
                 ${CMAKE_CURRENT_LIST_DIR}/test_proto_samples.c
         LIBS lth_proto ARGS ${CMAKE_SOURCE_DIR}/tests/golden/frames)
lth_test(test_proto_refusals
         SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_proto_refusals.c
                 ${CMAKE_CURRENT_LIST_DIR}/test_proto_samples.c
         LIBS lth_proto)

add_executable(proto_echo ${CMAKE_CURRENT_LIST_DIR}/test_proto_echo.c)
target_link_libraries(proto_echo PRIVATE lth_flags lth_proto)

find_program(LTH_PROTOC protoc REQUIRED)
set(link_py ${CMAKE_CURRENT_BINARY_DIR}/link_pb2.py)
add_custom_command(OUTPUT ${link_py}
  COMMAND ${LTH_PROTOC} --proto_path=${CMAKE_SOURCE_DIR}/proto
          --python_out=${CMAKE_CURRENT_BINARY_DIR} link.proto
  DEPENDS ${CMAKE_SOURCE_DIR}/proto/link.proto VERBATIM)
add_custom_target(link_py ALL DEPENDS ${link_py})
foreach(action check echo)
  add_test(NAME test_proto_python_${action}
           COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/golden/frames/make.py
                   --proto ${CMAKE_CURRENT_BINARY_DIR} ${action} $<TARGET_FILE:proto_echo>)
  set_tests_properties(test_proto_python_${action} PROPERTIES TIMEOUT 120 LABELS unit)
endforeach()
